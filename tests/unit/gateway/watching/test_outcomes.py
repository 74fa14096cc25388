"""Whose fault it is that a photo was not answered decides what the objectives count."""

import asyncio

import pytest

from services.common.errors import (
    AisleError,
    CoverageTooLow,
    DeadlineExceeded,
    FailedPrecondition,
    ImageTooLarge,
    Internal,
    InvalidArgument,
    ModelUnavailable,
    NotServing,
    Overloaded,
    PermissionDenied,
    PolicyUnavailable,
    ResourceExhausted,
    ShardNotServed,
    SnapshotMismatch,
    SnapshotNotFound,
    SpaceMismatch,
    Unauthenticated,
    Unimplemented,
    UnknownCategory,
)
from services.gateway.watching.outcomes import Outcome, outcome_of


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (InvalidArgument("x"), Outcome.REFUSED),
        (UnknownCategory("x"), Outcome.REFUSED),
        (PolicyUnavailable("x"), Outcome.REFUSED),
        (ImageTooLarge("x"), Outcome.REFUSED),
        (CoverageTooLow("x"), Outcome.LOST),
        (Overloaded("x"), Outcome.SHED),
        (ResourceExhausted("x"), Outcome.SHED),
        (DeadlineExceeded("x"), Outcome.LATE),
        (ModelUnavailable("x"), Outcome.LOST),
        (NotServing("x"), Outcome.LOST),
        (ShardNotServed("x"), Outcome.LOST),
        (SnapshotNotFound("x"), Outcome.LOST),
        (Internal("x"), Outcome.FAILED),
        (SnapshotMismatch("x"), Outcome.FAILED),
        (SpaceMismatch("x"), Outcome.FAILED),
        (ZeroDivisionError(), Outcome.FAILED),
        (asyncio.CancelledError(), Outcome.GONE),
    ],
)
def test_an_error_has_one_outcome(error: BaseException, outcome: Outcome) -> None:
    """Callers' errors are no failures of ours, and what is missing here is no fault of the caller's."""
    assert outcome_of(error) is outcome


def test_every_error_of_the_tree_has_an_outcome_that_is_no_defect_unless_it_is_one() -> None:
    """A class that is added is not taken for a defect; calls that may not be, or that nobody knows, have no photo."""

    def below(cls: type[AisleError]) -> set[type[AisleError]]:
        return {cls}.union(*(below(each) for each in cls.__subclasses__()))

    ours = below(Internal) | below(FailedPrecondition) - {PolicyUnavailable, CoverageTooLow}
    for cls in below(AisleError) - ours - {AisleError, Unauthenticated, PermissionDenied, Unimplemented}:
        assert outcome_of(cls("x")) is not Outcome.FAILED, cls
