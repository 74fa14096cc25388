"""What a perfect classifier would bring, from where on a real one pays, and what more shards cost."""

import pytest

from services.client.types import Policy
from services.evaluation.observation import Way
from services.evaluation.quality import ORACLE, Quality, measure_quality
from services.evaluation.worth import break_even, oracle_report, price_of_safety, whole_oracle
from tests.support.shoppers import query, report_of, seen

B, T, P = Policy.BASELINE, Policy.TOP_1, Policy.TOP_P


def _quality(baseline: list[tuple[int, ...]], oracle: list[tuple[int, ...]]) -> Quality:
    quality = measure_quality(
        [query(number) for number in range(len(baseline))],
        {
            B: [seen(number, B, ranks) for number, ranks in enumerate(baseline)],
            ORACLE: [seen(number, T, ranks) for number, ranks in enumerate(oracle)],
        },
        seed=1,
    )
    assert quality is not None
    return quality


def test_twice_as_good_pays_from_half_on() -> None:
    """The oracle doubles every metric, so a classifier right in half of the photos would equal the baseline."""
    quality = _quality([(1,), ()], [(1,), (1,)])
    for accuracy, pays in ((0.49, False), (0.51, True)):
        even = break_even(quality, accuracy)
        assert even is not None
        assert even.accuracy == pytest.approx(0.5)
        assert (even.classifier_top1_accuracy, even.top_1_pays) == (accuracy, pays)


def test_where_an_oracle_loses_no_classifier_pays() -> None:
    """Shards cut through what belongs together: an accuracy above 1 is out of reach."""
    even = break_even(_quality([(1,), (1,)], [(1,), (2,)]), 1.0)
    assert even is not None
    assert even.accuracy > 1
    assert not even.top_1_pays


def test_a_break_even_needs_all_its_figures() -> None:
    """No classifier's accuracy, no baseline, or a baseline of nothing: None, not a crash."""
    assert break_even(_quality([(1,)], [(1,)]), None) is None
    assert break_even(_quality([()], [(1,)]), 0.5) is None
    assert break_even(_quality([(1,)], [()]), 0.5) is None
    alone = measure_quality([query()], {ORACLE: [seen(0, T, (1,))]}, seed=1)
    assert alone is not None
    assert break_even(alone, 0.5) is None
    assert oracle_report(alone, 1, 1).gain is None


def test_photos_that_no_category_is_served_for_have_found_nothing() -> None:
    """The oracle could not send them anywhere either."""
    queries = [query(0), query(1, category="Unheard of")]
    whole = whole_oracle(queries, [seen(0, T, (1,))])
    assert [(each.query, each.outcome, each.ranks) for each in whole] == [(0, "ok", (1,)), (1, "error", ())]
    report = report_of(queries, [seen(n, B, (2,)) for n in range(2)], oracle=[seen(0, T, (1,))])
    assert report.oracle is not None
    assert (report.oracle.recall_at_1, report.oracle.not_searched) == (0.5, 1)
    assert report.oracle.gain is not None
    assert report.oracle.gain.latency_ratio_p50 is None


def test_the_curve_and_the_policies_are_taken_over_the_same_photos() -> None:
    """Photo 0 was not drawn: its baseline answer, which was right, is not in the comparison."""
    queries = [query(0), query(1), query(2)]
    half, whole = Way(P, probability_mass=0.5), Way(P, probability_mass=1.0)
    curve = [
        seen(1, P, (1,), way=whole, searched=("Shoe", "Bag", "Hat")),
        seen(2, P, (), way=half, searched=("Bag",)),
        seen(2, P, (1,), way=whole, searched=("Shoe", "Bag")),
        seen(1, P, (2,), way=half, searched=("Shoe",)),
    ]
    baseline = [seen(0, B, (1,), searched=("",)), seen(1, B, (5,), searched=("",)), seen(2, B, (6,), searched=("",))]
    price = price_of_safety(queries, curve, {B: baseline})
    assert price is not None
    assert price.queries == 2
    assert [point.probability_mass for point in price.top_p] == [0.5, 1.0]
    assert [point.mean_shards_searched for point in price.top_p] == [1.0, 2.5]
    assert [(point.recall_at_1, point.recall_at_5) for point in price.top_p] == [(0, 0.5), (1, 1)]
    assert (price.policies["baseline"].recall_at_1, price.policies["baseline"].recall_at_5) == (0, 0.5)


def test_a_curve_that_was_left_out_is_none() -> None:
    """Nothing to draw."""
    assert price_of_safety([query()], [], {B: [seen(0, B)]}) is None
