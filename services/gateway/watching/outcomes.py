"""What became of a photo, in the few words that objectives are written in. Pure."""

import asyncio
from enum import Enum

from services.common.errors import (
    CoverageTooLow,
    DeadlineExceeded,
    ImageTooLarge,
    InvalidArgument,
    NotFound,
    PolicyUnavailable,
    ResourceExhausted,
    Unavailable,
)


class Outcome(Enum):
    """How a photo's way ended."""

    OK = "ok"
    """Answered in full."""
    PARTIAL = "partial"
    """Answered without some planned shard."""
    REFUSED = "refused"
    """The caller's fault: it stays wrong."""
    SHED = "shed"
    """More was asked for than can be done."""
    LATE = "late"
    """No answer within the deadline."""
    LOST = "lost"
    """A part that the answer needs was away."""
    FAILED = "failed"
    """A defect."""
    GONE = "gone"
    """The caller did not wait."""


_OUTCOMES: tuple[tuple[type[BaseException], Outcome], ...] = (
    (asyncio.CancelledError, Outcome.GONE),
    (InvalidArgument, Outcome.REFUSED),
    (PolicyUnavailable, Outcome.REFUSED),
    (ImageTooLarge, Outcome.REFUSED),
    (CoverageTooLow, Outcome.LOST),
    (ResourceExhausted, Outcome.SHED),
    (DeadlineExceeded, Outcome.LATE),
    (Unavailable, Outcome.LOST),
    (NotFound, Outcome.LOST),
)
"""The first class that fits decides. What is not found is ours to have, a shard or a snapshot; a category that the
caller misnames is an InvalidArgument. What is in none of them is a defect: so are snapshots that do not fit."""


def outcome_of(error: BaseException) -> Outcome:
    """Return what an error makes of a photo."""
    return next((outcome for kind, outcome in _OUTCOMES if isinstance(error, kind)), Outcome.FAILED)
