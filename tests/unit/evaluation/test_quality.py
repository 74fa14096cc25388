"""Product figures, gains and intervals, against numbers computed by hand."""

import pytest

from services.client.types import Policy
from services.evaluation.quality import Quality, measure_quality
from tests.support.shoppers import query, seen

B, T = Policy.BASELINE, Policy.TOP_1


def _measure(baseline: list[tuple[int, ...]], top_1: list[tuple[int, ...]], products: int | None = None) -> Quality:
    count = len(baseline)
    labelled = count if products is None else products
    queries = [query(number, "shoe-1" if number < labelled else "") for number in range(count)]
    quality = measure_quality(
        queries,
        {B: [seen(n, B, ranks) for n, ranks in enumerate(baseline)], T: [seen(n, T, r) for n, r in enumerate(top_1)]},
        seed=1,
    )
    assert quality is not None
    return quality


def test_figures_are_means_over_photos() -> None:
    """Ranks 1, 4, 11 and nothing: by hand."""
    figures = _measure([(1,), (4,), (11,), ()], [(1,)] * 4).figures(B)
    average_precision = (1 + 1 / 4 + 1 / 11 + 0) / 4
    assert figures == pytest.approx(
        {
            "recall_at_1": 0.25,
            "recall_at_5": 0.5,
            "recall_at_10": 0.5,
            "map": average_precision,
            "mrr": average_precision,
        }
    )


def test_the_mean_gain_is_over_three_metrics() -> None:
    """Baseline ranks 1 and 10, cascade 1 and 2: gains of 0 %, 100 % and 36.4 % make 45.5 %."""
    gain = _measure([(1,), (10,)], [(1,), (2,)]).gain(T, latency_ratio_p50=1.13)
    assert (gain.recall_at_1, gain.recall_at_5, gain.recall_at_10) == pytest.approx((0, 100, 0))
    assert gain.map == pytest.approx((0.75 / 0.55 - 1) * 100)
    assert gain.mean == pytest.approx((0 + 100 + (0.75 / 0.55 - 1) * 100) / 3)
    assert gain.latency_ratio_p50 == 1.13


def test_photos_without_a_product_are_left_out() -> None:
    """They are labelled with a category only, so nothing says which product would be right."""
    assert _measure([(1,), ()], [(1,), ()], products=1).figures(B)["recall_at_1"] == 1


def test_without_any_product_there_are_no_figures() -> None:
    """None says that it is not known; 0 would say that nothing was found."""
    assert measure_quality([query(0, "")], {B: [seen(0, B)]}, seed=1) is None


def test_an_error_has_found_nothing() -> None:
    """Leaving errors out would reward a policy for failing."""
    quality = measure_quality(
        [query(0), query(1)], {B: [seen(0, B, (1,)), seen(1, B, outcome="error", error="LATE")]}, seed=1
    )
    assert quality is not None
    assert quality.figures(B)["recall_at_1"] == 0.5


def test_intervals_hold_their_figures() -> None:
    """Half of the photos right: the interval is around the middle, and not empty."""
    quality = _measure([(1,), (2,)] * 50, [(1,)] * 100)
    low, high = quality.intervals(B).recall_at_1
    assert low < 0.5 < high
    assert quality.intervals(T).recall_at_1 == (1, 1)
    gain = quality.gain(T, None)
    assert gain.mean is not None
    assert gain.mean_interval is not None
    assert gain.mean_interval[0] < gain.mean < gain.mean_interval[1]


def test_a_baseline_of_nothing_has_no_gain() -> None:
    """Anything over 0 is no number; the figures stay, the gain is not known."""
    gain = _measure([(), ()], [(1,), (2,)]).gain(T, None)
    assert (gain.recall_at_1, gain.mean, gain.mean_interval) == (None, None, None)
