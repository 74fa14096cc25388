"""The report keeps its contract: the keys that readers of `report.json` rely on, and figures that agree."""

import json

import pytest

from services.client.types import Policy
from services.evaluation.schema import Report
from tests.support.shoppers import query, random_report, report_of, seen

B, T = Policy.BASELINE, Policy.TOP_1


def test_the_report_has_all_that_the_contract_names() -> None:
    """design and docs/reports.md promise these keys to programs."""
    written = json.loads(random_report().to_json())
    assert {
        "dataset", "gallery_images", "products", "categories", "queries", "embedder", "classifier_top1_accuracy",
        "policies", "gain", "schema_version", "created_at", "command", "machine", "snapshot_id", "models",
    } <= written.keys()  # fmt: skip
    assert list(written["policies"]) == ["baseline", "top_1", "top_p", "all", "adaptive"]
    for policy in written["policies"].values():
        assert {"recall_at_1", "recall_at_5", "recall_at_10", "map", "mrr", "mean_shards_searched"} <= policy.keys()
        assert policy["latency_ms"].keys() == {"p50", "p90", "p95", "p99"}
    assert list(written["gain"]) == ["top_1", "top_p", "all", "adaptive"]
    for gain in written["gain"].values():
        assert {"recall_at_1", "recall_at_5", "map", "mean", "latency_ratio_p50"} <= gain.keys()
    assert (written["gallery_images"], written["products"], written["categories"]) == (5, 5, 3)
    assert written["embedder"] == "tiny-1"
    assert written["models"]["classifier"] == {"version": "tiny-2", "sha256": "b" * 64}
    assert {"cpu", "cores", "python"} <= written["machine"].keys()


def test_gains_agree_with_the_figures() -> None:
    """Every gain can be computed again from the figures beside it."""
    report = random_report()
    baseline = report.policies["baseline"]
    for name, gain in report.gain.items():
        policy = report.policies[name]
        changes = []
        for metric in ("recall_at_1", "recall_at_5", "map"):
            value, reference = getattr(policy, metric), getattr(baseline, metric)
            changes.append((value - reference) / reference * 100)
            assert getattr(gain, metric) == pytest.approx(changes[-1])
        assert gain.mean == pytest.approx(sum(changes) / 3)
        assert policy.latency_ms is not None
        assert baseline.latency_ms is not None
        assert gain.latency_ratio_p50 == pytest.approx(policy.latency_ms.p50 / baseline.latency_ms.p50)


def test_a_report_reads_back_as_it_was_written() -> None:
    """JSON loses nothing, and a key that the schema lacks is refused."""
    report = random_report()
    assert Report.model_validate_json(report.to_json()) == report
    with pytest.raises(ValueError, match="extra"):
        Report.model_validate({**report.model_dump(), "something": 1})


def test_the_order_of_observations_does_not_matter() -> None:
    """They come back in any order when several photos are in flight."""
    queries = [query(n) for n in range(3)]
    observations = [seen(n, policy, (n + 1,)) for policy in (T, B) for n in (2, 0, 1)]
    report = report_of(queries, observations)
    assert report == report_of(queries, observations[::-1])
    assert report.policies["baseline"].recall_at_1 == pytest.approx(1 / 3)


def test_photos_are_counted_by_what_is_known_of_them() -> None:
    """With a product, without one, and with one that the catalogue lacks, which counts as never found."""
    queries = [query(0), query(1, ""), query(2, "shoe-99")]
    report = report_of(queries, [seen(n, B, (1,) * (n == 0)) for n in range(3)])
    assert (report.queries, report.queries_with_product, report.queries_not_in_gallery) == (3, 2, 1)
    assert report.policies["baseline"].recall_at_1 == 0.5


def test_without_the_baseline_there_is_no_gain() -> None:
    """And no case, for there is nothing to compare with."""
    report = random_report(policies=[T, Policy.ADAPTIVE])
    assert (report.gain, report.cases, report.case_counts, report.headline) == ({}, [], {}, "adaptive")


def test_the_headline_is_a_cascade() -> None:
    """The default when it was measured, else the published one; searching every aisle is no cascade."""
    assert random_report(policies=[B, T, Policy.TOP_P]).headline == "top_1"
    report = random_report(policies=[B, Policy.ALL])
    assert (report.headline, report.cases) == (None, [])
    assert list(report.gain) == ["all"]


def test_errors_count_in_figures_and_are_told() -> None:
    """Half of the photos failed under TOP_1: half of the recall, and no latency of theirs."""
    queries = [query(n) for n in range(4)]
    observations = [seen(n, B, (1,)) for n in range(4)]
    observations += [seen(n, T, (1,)) for n in range(2)]
    observations += [seen(n, T, outcome="error", error="DEADLINE_EXCEEDED", latency_ms=2000.0) for n in (2, 3)]
    report = report_of(queries, observations)
    top_1 = report.policies["top_1"]
    assert (top_1.recall_at_1, top_1.errors, top_1.answers) == (0.5, 2, 2)
    assert report.gain["top_1"].recall_at_1 == pytest.approx(-50)
    assert report.gain["top_1"].latency_ratio_p50 == 1
    assert sum(report.case_counts.values()) == 2


def test_photos_with_a_category_only_still_make_a_report() -> None:
    """Accuracy and latency are known, products are not."""
    observations = [seen(0, B), seen(0, T, predicted=("Shoe", 0.8))]
    report = report_of([query(0, "")], observations)
    assert report.classifier_top1_accuracy == 1
    assert report.policies["top_1"].recall_at_1 is None
    assert (report.gain, report.queries_with_product) == ({}, 0)


def test_losses_agree_with_recall() -> None:
    """With one product a photo, what is found among the first k is recall at k; shares add up to 1."""
    for policy in random_report().policies.values():
        recalls = (policy.recall_at_1, policy.recall_at_5, policy.recall_at_10)
        assert [each.found for each in policy.losses] == pytest.approx(recalls)
        for each in policy.losses:
            assert sum(each.model_dump(exclude={"k"}).values()) == pytest.approx(1)


def test_the_oracle_is_measured_like_a_policy() -> None:
    """Always right at first: twice the baseline's recall is a gain of 100 %, and half of the accuracy is enough."""
    queries = [query(n) for n in range(4)]
    observations = [seen(n, B, (1,) if n < 2 else ()) for n in range(4)]
    observations += [seen(n, T, (1,), predicted=("Shoe" if n < 1 else "Bag", 0.9)) for n in range(4)]
    report = report_of(queries, observations, oracle=[seen(n, T, (1,)) for n in range(4)])
    assert report.oracle is not None
    assert report.oracle.gain is not None
    assert report.oracle.gain.mean == pytest.approx(100)
    assert report.break_even is not None
    assert report.break_even.accuracy == pytest.approx(0.5)
    assert not report.break_even.top_1_pays
    assert [notice.code for notice in report.notices] == ["CLASSIFIER_BELOW_BREAK_EVEN"]


def test_confidences_are_judged() -> None:
    """90 % sure and right in one photo of two: off by 40 %."""
    observations = [seen(n, T, predicted=("Shoe" if n else "Bag", 0.9)) for n in range(2)]
    reliability = report_of([query(0), query(1)], observations).classifier_reliability
    assert reliability is not None
    assert reliability.photos == 2
    assert reliability.expected_calibration_error == pytest.approx(0.4)


def test_photos_that_nothing_can_find_say_nothing_about_the_break_even() -> None:
    """The classifier is wrong on the one product that is not sold here, which costs TOP_1 nothing."""
    queries = [query(0), query(1, "shoe-99")]
    observations = [seen(0, B, (1,)), seen(1, B), seen(0, T, (1,), predicted=("Shoe", 0.9))]
    observations.append(seen(1, T, predicted=("Bag", 0.9)))
    report = report_of(queries, observations, oracle=[seen(0, T, (1,)), seen(1, T)])
    assert report.classifier_top1_accuracy == 0.5
    assert report.break_even is not None
    assert (report.break_even.classifier_top1_accuracy, report.break_even.top_1_pays) == (1, True)
