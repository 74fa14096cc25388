"""A long run's end to its beginning."""

from dataclasses import replace

import pytest

from services.benchmarks.speed.soak import Change, soak_of
from services.common.errors import Internal
from services.loadtest.consumption import Sample
from services.loadtest.report import make_report
from services.loadtest.tally import Outcome
from services.loadtest.usage import Use
from tests.support.load import measured_of, reply, report_of, setting


def test_growing_memory_and_a_slower_end_are_told() -> None:
    """Twenty seconds whose second half is half as slow again, in one of two processes that grows."""
    measured = measured_of([[reply(20.0)] * 10] * 10 + [[reply(30.0)] * 10] * 10)
    measured.samples = [_grown(sample) for sample in measured.samples]
    pids = {"gateway": 7, "searcher-bag": 8, "searcher-coat": 9}
    soak = soak_of(make_report(measured, setting(server_pids=pids)))
    assert soak.p99_ms.ratio == pytest.approx(1.5, rel=0.01)
    assert soak.memory_mb["gateway"] == Change(100.0, 100.0)
    # From 100 to 110 MB in one of two, so 102.25 and 107.75 on average over ten seconds of either half.
    assert soak.memory_mb["searcher"].first == pytest.approx(202.25)
    assert soak.memory_mb["searcher"].ratio == pytest.approx(207.75 / 202.25)
    assert soak.errors == 0
    assert soak.minutes == pytest.approx(1 / 3)


def test_the_first_and_the_last_five_minutes_are_compared() -> None:
    """What was slow, or large, in between says nothing about the end."""
    calm, slow = [[reply(20.0)]] * 300, [[reply(500.0)]] * 100
    measured = measured_of([*calm, *slow, *calm])
    measured.samples = [_grown(sample, 2.0 if 300 <= sample.at <= 400 else 1.0) for sample in measured.samples]
    soak = soak_of(make_report(measured, setting()))
    assert soak.p99_ms.ratio == pytest.approx(1.0)
    assert soak.memory_mb["gateway"].ratio == pytest.approx(1.0)


def test_a_run_that_ended_early_misses_its_row() -> None:
    """However well it went until then, and however little was asked for; half an hour keeps it."""
    minute = replace(soak_of(report_of([[reply()] * 10] * 60)), doubts=None)
    assert not minute.target().met
    assert replace(minute, minutes=30.0).target().met


def test_a_run_that_the_load_generator_does_not_vouch_for_misses_its_row() -> None:
    """Its figures may be those of a generator that could not keep up."""
    report = report_of([[reply()] * 10] * 60)
    vouched_for = replace(soak_of(report.model_copy(update={"invalid_reason": None})), minutes=30.0)
    doubted = replace(soak_of(report.model_copy(update={"invalid_reason": "it was late"})), minutes=30.0)
    assert vouched_for.target().met
    assert not doubted.target().met


def test_refused_photos_are_errors_too() -> None:
    """At 80 % of the knee nobody has to be refused."""
    shed = reply(1.0, Outcome.SHED, code="RESOURCE_EXHAUSTED", reason="OVERLOADED")
    assert soak_of(report_of([[reply(), shed, reply(1.0, Outcome.ERROR)]] * 4)).errors == 8


def test_a_run_without_answers_says_nothing() -> None:
    """Rather no figure than one of nothing."""
    with pytest.raises(Internal, match="without answers"):
        soak_of(report_of([[reply(1.0, Outcome.ERROR)]] * 4))


def _grown(sample: Sample, factor: float | None = None) -> Sample:
    """Return a look at three processes, one of which grows by a tenth in twenty seconds; or at one of another size."""
    usual = sample.server["gateway"]
    if factor is not None:
        return replace(sample, server={"gateway": replace(usual, memory_bytes=round(factor * usual.memory_bytes))})
    growing = Use(usual.cpu_seconds, round(usual.memory_bytes * (1 + 0.1 * sample.at / 20)))
    return replace(sample, server={"gateway": usual, "searcher-bag": usual, "searcher-coat": growing})
