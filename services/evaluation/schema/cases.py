"""Single photos worth looking at. Pure."""

from typing import Literal

from services.evaluation.schema.base import Frozen

Kind = Literal["gained", "lost", "both_right", "both_wrong"]
"""Of the cascade against the baseline, by whether the first hit is right."""

Reason = Literal[
    "first",
    "ranked_below",
    "beyond_top_k",
    "index_missed",
    "not_routed",
    "shard_missing",
    "not_in_gallery",
    "failed",
]
"""Why the right product stands where it does; docs/reports.md says what each one means."""


class CaseHit(Frozen):
    """A hit as shown."""

    product_id: str
    category: str
    """The product's own, also where the baseline index found it."""
    score: float
    image_path: str
    right: bool


class CaseAnswer(Frozen):
    """What one policy made of a photo."""

    policy: str
    rank: int | None
    """Rank of the first right product; None when it is not in the answer."""
    reason: Reason
    """Why it is there: right, other products looked more alike, or its category was not searched."""
    hits: list[CaseHit]
    """The first few."""


class Case(Frozen):
    """A photo worth looking at."""

    kind: Kind | None
    """What the cascade made of it, compared with the baseline; None when the baseline was not measured."""
    photo_path: str
    category: str
    predicted: str | None
    """What the classifier took it for, with `probability`."""
    probability: float | None
    product_id: str
    product_image_path: str | None
    """A gallery image of the right product; None when the catalogue has none."""
    answers: list[CaseAnswer]
    """The baseline's where it was measured, then the cascade's."""
