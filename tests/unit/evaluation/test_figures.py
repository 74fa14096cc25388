"""Latencies, counts, categories and the histogram."""

import pytest

from services.client.types import Policy
from services.evaluation.classification import Prediction
from services.evaluation.figures import category_reports, histogram, policy_report
from services.evaluation.losses import reasons
from services.evaluation.observation import Observation, Query, ShownHit
from services.evaluation.schema import PolicyReport
from tests.support.shoppers import GALLERY, query, seen

B, T = Policy.BASELINE, Policy.TOP_1


def _report(queries: list[Query], observations: list[Observation]) -> PolicyReport:
    whys = reasons(queries, {T: observations}, GALLERY, ())[T]
    return policy_report(T, queries, observations, quality=None, gallery=GALLERY, whys=whys)


def test_partial_answers_and_errors_are_counted_and_never_dropped() -> None:
    """A partial answer is an answer; an error is none, has a reason, and its time is no latency."""
    observations = [
        seen(0, T, latency_ms=10.0, searched=("Shoe",)),
        seen(1, T, outcome="partial", latency_ms=20.0, missing=("Bag",)),
        seen(2, T, outcome="error", latency_ms=2000.0, error="DEADLINE_EXCEEDED"),
        seen(3, T, outcome="error", latency_ms=1.0, error="NOT_SERVING"),
        seen(4, T, outcome="error", latency_ms=1.0, error="NOT_SERVING"),
    ]
    report = _report([query(n) for n in range(5)], observations)
    assert (report.answers, report.partial, report.errors) == (2, 1, 3)
    assert report.error_reasons == {"NOT_SERVING": 2, "DEADLINE_EXCEEDED": 1}
    assert report.latency_ms is not None
    assert (report.latency_ms.p50, report.latency_ms.p99) == pytest.approx((15, 19.9))
    assert report.mean_shards_searched == 0.5


def test_a_policy_that_only_failed_still_has_a_report() -> None:
    """Nothing to take a percentile of: None, not a crash."""
    report = _report([query()], [seen(0, T, outcome="error", error="NOT_SERVING")])
    assert (report.latency_ms, report.overhead_ms, report.mean_shards_searched) == (None, None, 0)


def test_category_at_1_counts_photos_without_a_product_too() -> None:
    """Of four photos of shoes two have another shoe first; a bag and no hit at all are wrong."""
    hits = [
        (ShownHit("shoe-2", "Shoe", 0.9, "x.png"),),
        (ShownHit("shoe-3", "Shoe", 0.9, "z.png"), ShownHit("bag-1", "Bag", 0.8, "y.png")),
        (ShownHit("bag-1", "Bag", 0.9, "y.png"),),
        (),
    ]
    queries = [query(0, ""), query(1), query(2), query(3)]
    report = _report(queries, [seen(n, T, hits=each) for n, each in enumerate(hits)])
    assert report.category_at_1 == 0.5


def test_stages_are_medians() -> None:
    """One slow photo does not move them; a stage that some answers lack is taken over the others."""
    stages = ({"embed": 9.0, "classify": 5.0}, {"embed": 10.0}, {"embed": 500.0, "classify": 7.0})
    observations = [seen(n, T, stages_ms=each) for n, each in enumerate(stages)]
    report = _report([query(n) for n in range(3)], observations)
    assert report.stages_ms_p50 == {"embed": 10, "classify": 6}


def test_categories_come_with_their_own_figures() -> None:
    """The category with most photos first; recall is None where no photo has a product."""
    queries = [query(0, "", "Hat"), query(1), query(2)]
    by_policy = {T: [seen(0, T), seen(1, T, (1,)), seen(2, T, searched=("Bag",))]}
    judged = [Prediction(queries[1], "Shoe", 0.5), Prediction(queries[2], "Hat", 0.5)]
    shoe, hat = category_reports(queries, by_policy, judged, reasons(queries, by_policy, GALLERY, ()))
    assert (shoe.not_routed, hat.not_routed) == ({"top_1": 0.5}, {"top_1": None})
    assert (shoe.category, shoe.queries, shoe.classifier_top1_accuracy, shoe.recall_at_1) == (
        "Shoe",
        2,
        0.5,
        {"top_1": 0.5},
    )
    assert (hat.category, hat.queries, hat.classifier_top1_accuracy, hat.recall_at_1) == (
        "Hat",
        1,
        None,
        {"top_1": None},
    )


@pytest.mark.parametrize("spread", [0.0, 0.3, 5.0, 400.0, 90_000.0])
def test_a_histogram_counts_every_answer_once(spread: float) -> None:
    """However narrow or wide the latencies lie, and with one stall far outside."""
    times = [10 + spread * n / 199 for n in range(200)] + [10 + spread * 50 + 1]
    observations = [seen(n, T, latency_ms=time) for n, time in enumerate(times)]
    observations.append(seen(201, T, outcome="error", latency_ms=5.0))
    counted = histogram({T: observations})
    assert counted is not None
    assert sum(counted.counts["top_1"]) == 201
    assert len(counted.counts["top_1"]) <= 64
    assert counted.start_ms <= 10


def test_bins_are_where_they_say() -> None:
    """Bin i holds what lies in [start + i * width, start + (i + 1) * width)."""
    counted = histogram({T: [seen(n, T, latency_ms=time) for n, time in enumerate([10.05, 10.15, 10.17, 12.0])]})
    assert counted is not None
    bins = counted.counts["top_1"]
    assert (counted.start_ms, counted.width_ms, bins[0], bins[1], bins[-1]) == (10, 0.1, 1, 2, 1)


def test_without_answers_there_is_no_histogram() -> None:
    """Errors have no latency to count."""
    assert histogram({T: [seen(0, T, outcome="error")]}) is None
