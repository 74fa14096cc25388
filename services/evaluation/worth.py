"""Whether walking to an aisle first pays on this catalogue, and what looking into more aisles costs. Pure."""

from collections import defaultdict
from collections.abc import Sequence

from services.client.types import Policy
from services.evaluation.observation import Observation, Query, Way
from services.evaluation.quality import ORACLE, ByPolicy, Quality, mean_figures, mean_shards
from services.evaluation.schema import MEAN_GAIN_METRICS, BreakEven, Oracle, PriceOfSafety, PricePoint, TopPPoint
from services.relevance.break_even import break_even_accuracy

NOT_SERVED = "UNKNOWN_CATEGORY"


def whole_oracle(queries: Sequence[Query], searched: Sequence[Observation]) -> list[Observation]:
    """Return one observation per query: photos that no right category could be searched for have found nothing."""
    by_query = {seen.query: seen for seen in searched}
    return [
        by_query.get(number, Observation(number, Way(Policy.TOP_1), "error", 0.0, error=NOT_SERVED))
        for number in range(len(queries))
    ]


def oracle_report(quality: Quality, searched: int, queries: int) -> Oracle:
    """Return what a perfect classifier would reach.

    Args:
        quality: has figures named `ORACLE`.
        searched: photos that were searched in their right category.
        queries: all photos.
    """
    return Oracle(
        **quality.figures(ORACLE),
        intervals=quality.intervals(ORACLE),
        gain=quality.gain(ORACLE) if Policy.BASELINE in quality.names else None,
        not_searched=queries - searched,
    )


def break_even(quality: Quality, accuracy: float | None) -> BreakEven | None:
    """Return from which accuracy TOP_1 pays, beside the classifier's; None when a figure is not known or 0."""
    if accuracy is None or Policy.BASELINE not in quality.names:
        return None
    base, oracle = (
        [quality.figures(name)[metric] for metric in MEAN_GAIN_METRICS] for name in (Policy.BASELINE, ORACLE)
    )
    if min(base) <= 0 or max(oracle) <= 0:
        return None
    least = break_even_accuracy(base, oracle)
    return BreakEven(accuracy=least, classifier_top1_accuracy=accuracy, top_1_pays=accuracy >= least)


def price_of_safety(
    queries: Sequence[Query], curve: Sequence[Observation], by_policy: ByPolicy
) -> PriceOfSafety | None:
    """Return accuracy against shards searched; None without a curve.

    Args:
        queries: what was asked.
        curve: TOP_P's observations with several probability masses, of photos with a product.
        by_policy: the timed run's; only the curve's photos are taken from it.
    """
    if not curve:
        return None
    photos = sorted({seen.query for seen in curve})
    by_mass: dict[float, list[Observation]] = defaultdict(list)
    for seen in curve:
        by_mass[seen.way.probability_mass or 0.0].append(seen)
    return PriceOfSafety(
        queries=len(photos),
        top_p=[TopPPoint(probability_mass=mass, **_point(queries, seen)) for mass, seen in sorted(by_mass.items())],
        policies={
            policy.value: PricePoint(**_point(queries, [observations[number] for number in photos]))
            for policy, observations in by_policy.items()
        },
    )


def _point(queries: Sequence[Query], observations: Sequence[Observation]) -> dict[str, float]:
    figures = mean_figures(queries, observations)
    return {"mean_shards_searched": mean_shards(observations)} | {
        metric: figures[metric] for metric in MEAN_GAIN_METRICS
    }
