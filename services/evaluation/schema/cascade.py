"""Whether walking to an aisle first pays on this catalogue, and what looking into more aisles costs. Pure."""

from services.evaluation.schema.base import Frozen
from services.evaluation.schema.policies import Figures, Gain


class Oracle(Figures):
    """TOP_1 with a perfect classifier: every photo searched in its right category, which the caller named."""

    gain: Gain | None
    """Against the baseline; None without it. Its latency is not measured."""
    not_searched: int
    """Photos whose categories the catalogue lacks; they count as having found nothing."""


class BreakEven(Frozen):
    """From which accuracy on the likeliest category alone finds as much as one index over everything."""

    accuracy: float
    """That accuracy; above 1 where even a perfect classifier would lose."""
    classifier_top1_accuracy: float
    """What the classifier reached, on the photos whose product the catalogue has."""
    top_1_pays: bool
    """Whether it is enough."""


class PricePoint(Frozen):
    """What was found for which effort."""

    mean_shards_searched: float
    recall_at_1: float
    recall_at_5: float
    map: float


class TopPPoint(PricePoint):
    """TOP_P with one probability mass."""

    probability_mass: float


class PriceOfSafety(Frozen):
    """Accuracy against shards searched, all on the same photos."""

    queries: int
    """Photos with a product, drawn by lot."""
    top_p: list[TopPPoint]
    """The smallest probability mass first."""
    policies: dict[str, PricePoint]
    """The measured policies on these photos."""
