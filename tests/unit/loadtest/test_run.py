"""A whole test with a bench that knows its gateway: the search for the knee, and what it can't vouch for."""

import asyncio
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import pytest

from services.common.errors import InvalidArgument
from services.loadtest.arrivals import Arrivals, Poisson, Step
from services.loadtest.config import LoadtestSettings
from services.loadtest.knee import KneeSearch
from services.loadtest.measured import Measured
from services.loadtest.measuring import Bench
from services.loadtest.reading import read_report
from services.loadtest.run import LoadTest, knee_doubts, write_report
from services.loadtest.schema import Report
from services.loadtest.tally import Reply
from tests.support.load import measured_of, reply, report_of, setting
from tests.support.virtual_time import run_virtually

KNEE = 50.0


class _Bench:
    """Measures without sending: up to the knee every photo takes 20 ms, beyond it 900 ms.

    Attributes:
        tried: the rates that were asked for.
        begun: when each of them was, seconds.
        late: by how much the client is late at a rate, seconds.
        interrupted_by: what is being sent when Ctrl-C comes; None for never.
    """

    def __init__(self, late: Callable[[float], float], interrupted_by: type[Poisson | Step] | None = None) -> None:
        self.tried: list[float] = []
        self.begun: list[float] = []
        self.stop = asyncio.Event()
        self._late = late
        self._interrupted_by = interrupted_by

    async def measure(self, arrivals: Arrivals, _watch: Any) -> Measured:
        if isinstance(arrivals, self._interrupted_by or ()):
            self.stop.set()
        if isinstance(arrivals, Step):
            recovering = [self._second(900.0)] * 12 + [self._second(20.0)] * 18
            return measured_of(recovering)
        assert isinstance(arrivals, Poisson)
        self.tried.append(arrivals.rate)
        self.begun.append(asyncio.get_running_loop().time())
        milliseconds = 20.0 if arrivals.rate <= KNEE else 900.0
        return measured_of([self._second(milliseconds)] * 10, lag_seconds=self._late(arrivals.rate))

    @staticmethod
    def _second(milliseconds: float) -> list[Reply]:
        return [reply(milliseconds)] * 101


def search(
    late: Callable[[float], float] = lambda _: 0.0001, interrupted_by: type[Poisson | Step] | None = None
) -> tuple[Report, _Bench]:
    """Look for the knee, from 10 a second on."""
    bench = _Bench(late, interrupted_by)
    settings = LoadtestSettings(find_knee=True, slo="p99_ms=250", rate=10.0)
    test = LoadTest(cast("Bench", bench), setting("p99_ms=250"), settings)
    return run_virtually(test.carry_out(lambda *_: None)), bench


def test_the_knee_is_found_and_the_recovery_seen() -> None:
    """The report is that of the knee's rate; the overload ends after 10 s, and two more are slow."""
    report, bench = search()
    assert report.valid
    assert report.slo_kept
    assert report.knee is not None
    assert report.knee.rate is not None
    assert report.knee.missed_rate is not None
    assert KNEE / 1.05 <= report.knee.rate <= KNEE < report.knee.missed_rate
    assert (report.knee.overload_rate, report.knee.recovery_seconds) == (2 * report.knee.rate, 2.0)
    assert [step.rate for step in report.knee.steps] == bench.tried
    assert report.latency_ms is not None
    assert report.latency_ms.p99 == pytest.approx(20, rel=0.01)


def test_after_a_rate_that_was_too_much_the_server_may_rest() -> None:
    """For as long as that lasted; what it gave up under it would else make the next rate look like too much."""
    _, bench = search()
    pauses = [later - before for before, later in pairwise(bench.begun)]
    assert pauses == [pytest.approx(2.0 if rate <= KNEE else 10.0) for rate in bench.tried[:-1]]


@pytest.mark.parametrize("sent", [Poisson, Step])
def test_an_interrupted_search_says_so(sent: type[Poisson | Step]) -> None:
    """Whether a rate was tried or the recovery watched; what was not watched to its end is not told."""
    report, bench = search(interrupted_by=sent)
    assert report.interrupted
    assert report.knee is not None
    assert (report.knee.overload_rate, report.knee.recovery_seconds) == (None, None)
    assert (len(bench.tried) == 1) is (sent is Poisson)


def test_a_client_that_can_t_go_on_is_not_the_server_s_knee() -> None:
    """From 30 a second on it is late: the rate is tried twice, and the report is invalid."""
    report, bench = search(lambda rate: 0.1 if rate > 30 else 0.0001)
    assert bench.tried == [10.0, 20.0, 40.0, 40.0]
    assert not report.valid
    assert report.invalid_reason is not None
    assert "the search ended before a rate missed the objective" in report.invalid_reason


def test_a_moment_of_lag_is_forgiven() -> None:
    """The second try counts."""
    seen = list[float]()

    def late(rate: float) -> float:
        seen.append(rate)
        return 0.1 if seen.count(rate) == 1 and rate == 20.0 else 0.0001

    report, _ = search(late)
    assert report.valid


def test_a_miss_that_the_client_may_have_made_is_no_knee() -> None:
    """The rates that kept the objective are believed, the one that missed it is not."""
    report, _ = search(lambda rate: 0.3 if rate > KNEE else 0.0001)
    assert report.invalid_reason is not None
    assert "the miss may not be the server's" in report.invalid_reason


def test_a_search_that_found_nothing_says_so() -> None:
    """No rate was slow enough, or no rate was tried."""
    assert knee_doubts(KneeSearch(10.0, 0.05, missed=0.01), []) == ["no rate that was tried keeps the objective"]
    assert "known well enough" in knee_doubts(KneeSearch(10.0, 0.05, kept=10.0, missed=20.0), [])[0]


def test_a_report_is_written_and_read(tmp_path: Path) -> None:
    """By its folder or its file; another file is refused in one line."""
    report = report_of([[reply()] * 5])
    write_report(report, tmp_path)
    assert read_report(tmp_path) == read_report(tmp_path / "report.json") == report
    (tmp_path / "report.json").write_text('{"targets": []}')
    with pytest.raises(InvalidArgument, match="no report of a load test"):
        read_report(tmp_path)
    with pytest.raises(InvalidArgument, match="No such file"):
        read_report(tmp_path / "gone.json")
