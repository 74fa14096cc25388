"""From a measurement to its report: every figure of a run that is known, and the verdict on it."""

import pytest

from services.loadtest.histogram import Histogram
from services.loadtest.report import knee_step, make_report
from services.loadtest.schema import Report
from services.loadtest.tally import Outcome
from tests.support.load import measured_of, reply, report_of, setting, tally_of

SECOND = [
    *[reply(20.0, recall={1: 1.0, 5: 1.0})] * 97,
    reply(900.0, in_time=False, recall={1: 0.0, 5: 1.0}),
    reply(10.0, Outcome.PARTIAL, coverage=0.5, rung="coarse", missing_shards={"late": 2, "failed": 1}),
    reply(3.0, Outcome.SHED, code="RESOURCE_EXHAUSTED", reason="OVERLOADED"),
]


@pytest.fixture(scope="module")
def report() -> Report:
    """Ten seconds of a hundred photos each."""
    return report_of([SECOND] * 10, slo="p90_ms=100,error_share=0.001")


def test_the_figures_are_those_of_the_run(report: Report) -> None:
    """Each of them, by hand."""
    assert [report.offered_rps, report.achieved_rps, report.duration_seconds] == pytest.approx([100.0, 100.0, 10.0])
    assert report.outcomes.model_dump() == {"ok": 980, "partial": 10, "shed": 10, "error": 0}
    assert report.codes == {"OK": 990, "RESOURCE_EXHAUSTED": 10}
    assert report.error_reasons == {"OVERLOADED": 10}
    assert report.rungs == {"full": 980, "coarse": 10}
    assert report.missing_shards == {"late": 20, "failed": 10}
    assert (report.goodput_rps, report.goodput_share) == (97.0, 0.97)
    assert report.coverage == pytest.approx((980 + 5) / 990)
    assert report.recall_queries == 980
    assert [report.recall_at_1, report.recall_at_5] == pytest.approx([970 / 980, 1.0])
    assert report.recall_at_10 is None


def test_quantiles_that_few_answers_tell_are_not_told(report: Report) -> None:
    """990 answers have ten beyond p95, and not beyond p99; the longest is always told."""
    assert report.latency_ms is not None
    assert report.latency_ms.p50 == pytest.approx(20, rel=0.001)
    assert (report.latency_ms.p99, report.latency_ms.p999) == (None, None)
    assert report.latency_ms.max == pytest.approx(900, rel=0.001)
    assert report.failure_ms is not None
    assert report.failure_ms.max == pytest.approx(3, rel=0.001)


def test_the_objective_is_judged_bound_by_bound(report: Report) -> None:
    """The refused break the one about errors."""
    assert [(bound.name, bound.kept) for bound in report.slo] == [("p90_ms", True), ("error_share", False)]
    assert report.slo_kept is False
    assert report_of([SECOND]).slo_kept is None


def test_a_run_is_valid_for_the_quantiles_that_it_is_about(report: Report) -> None:
    """990 answers tell p90, which the objective names, and not p99, which a run without objective is about."""
    assert report.valid
    without = report_of([SECOND] * 10)
    assert not without.valid
    assert without.invalid_reason is not None
    assert "too few for p99" in without.invalid_reason


def test_a_late_client_makes_the_run_invalid() -> None:
    """Its figures are told all the same."""
    report = report_of([SECOND] * 11, lag_seconds=0.2)
    assert not report.valid
    assert report.invalid_reason is not None
    assert "the client sent late" in report.invalid_reason


def test_a_machine_that_others_use_makes_the_run_invalid() -> None:
    """0.8 of two cores; and second by second, to see when."""
    report = report_of([SECOND] * 11, others_cores=0.8)
    assert report.invalid_reason is not None
    assert "other programs used 40% of the machine's cores" in report.invalid_reason
    assert report.others is not None
    assert [report.others.cores, report.others.machine_share] == pytest.approx([0.8, 0.4])
    assert [second.others_cores for second in report.seconds] == pytest.approx([0.8] * 11)


def test_seconds_hold_what_was_due_in_them(report: Report) -> None:
    """Counts, cores, and a histogram that is the second's."""
    assert [second.offered for second in report.seconds] == [100] * 10
    second = report.seconds[3]
    assert (second.outcomes.ok, second.in_time, second.recall_queries) == (98, 97, 98)
    assert [second.server_cores, second.client_cores] == pytest.approx([0.5, 0.11])
    assert Histogram.decode(second.latency_histogram).count == 99


def test_processes_are_told_by_what_they_used(report: Report) -> None:
    """Half a core for 99 answers a second is 5 ms each."""
    [process] = report.server.processes
    assert process.name == "gateway"
    assert [process.cores, process.memory_mb_max] == pytest.approx([0.5, 100.0])
    assert report.server.cpu_ms_per_answer == pytest.approx(500 / 99)
    assert [report.client.busiest_sender_cores, report.client.cores] == pytest.approx([0.1, 0.11])


def test_kinds_are_told_apart() -> None:
    """Each has its own photos, and all of them together are the run's."""
    measured = measured_of([SECOND] * 10)
    measured.tallies = {
        (second, kind): [tally_of([reply(20.0 + 100 * kind)] * (1 + kind)).to_json()]
        for second in range(10)
        for kind in (0, 1)
    }
    report = make_report(measured, setting(kinds=("people", "jobs")))
    assert [(kind.kind, kind.outcomes.ok) for kind in report.kinds] == [("people", 10), ("jobs", 20)]
    assert report.outcomes.ok == 30


def test_histograms_are_whole(report: Report) -> None:
    """Who wants another quantile has it."""
    counts = {name: Histogram.decode(text).count for name, text in report.histograms.items()}
    assert counts == {"latency": 990, "failure": 10, "lag": 1000, "total": 990}


def test_a_report_survives_its_file(report: Report) -> None:
    """Written and read, it is the same."""
    assert Report.model_validate_json(report.to_json()) == report


def test_a_run_without_an_answer_has_a_report() -> None:
    """The emptiest there is: nothing was answered, and nothing is divided by it."""
    report = make_report(measured_of([[reply(5.0, Outcome.ERROR)]]), setting("p99_ms=100"))
    assert (report.latency_ms, report.coverage, report.server.cpu_ms_per_answer) == (None, None, None)
    assert report.slo[0].value is None
    assert not report.slo_kept


def test_a_knee_step_says_why_it_can_t_be_believed() -> None:
    """As a whole run does."""
    step = knee_step(100.0, measured_of([SECOND] * 10, lag_seconds=0.2), setting("p90_ms=100"))
    assert step.kept
    assert step.invalid_reason is not None
    assert "sent late" in step.invalid_reason
    [bound] = step.slo
    assert (bound.name, bound.kept) == ("p90_ms", True)
    assert bound.value == pytest.approx(20, rel=0.01)
