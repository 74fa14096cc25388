"""A long run's end to its beginning."""

from dataclasses import replace

import pytest

from services.benchmarks.speed.soak import soak_of
from services.loadtest.consumption import Sample
from services.loadtest.report import make_report
from services.loadtest.tally import Outcome
from services.loadtest.usage import Use
from tests.support.load import measured_of, reply, report_of, setting


def test_growing_memory_and_a_slower_end_are_told() -> None:
    """Twenty seconds whose second half is half as slow again, in a process that grows by a tenth."""
    measured = measured_of([[reply(20.0)] * 10] * 10 + [[reply(30.0)] * 10] * 10)
    measured.samples = [_grown(sample) for sample in measured.samples]
    soak = soak_of(make_report(measured, setting()))
    assert soak.p99_ratio == pytest.approx(1.5, rel=0.01)
    assert soak.memory_ratio == pytest.approx(1.1)
    assert soak.errors == 0


def test_the_first_and_the_last_five_minutes_are_compared() -> None:
    """What was slow in between says nothing about the end."""
    calm, slow = [[reply(20.0)]] * 300, [[reply(500.0)]] * 100
    assert soak_of(report_of([*calm, *slow, *calm])).p99_ratio == pytest.approx(1.0)


def test_refused_photos_are_errors_too() -> None:
    """At 80 % of the knee nobody has to be refused."""
    shed = reply(1.0, Outcome.SHED, code="RESOURCE_EXHAUSTED", reason="OVERLOADED")
    assert soak_of(report_of([[reply(), shed, reply(1.0, Outcome.ERROR)]] * 4)).errors == 8


def test_a_run_without_answers_says_nothing() -> None:
    """Rather no figure than one of nothing."""
    with pytest.raises(ValueError, match="without answers"):
        soak_of(report_of([[reply(1.0, Outcome.ERROR)]] * 4))


def _grown(sample: Sample) -> Sample:
    grown = round(100_000_000 * (1 + 0.1 * sample.at / 20))
    return replace(sample, server={"gateway": Use(sample.server["gateway"].cpu_seconds, grown)})
