"""Words: figures with their units, the rate beside the one asked for, and what was given up."""

from typing import Any

import pytest

from services.loadtest.comparison import compare
from services.loadtest.report import make_report
from services.loadtest.schema import Report
from services.loadtest.slo import FIGURES
from services.loadtest.words import amount, degraded, figure, headline, interval, mean_rate
from tests.support.load import measured_of, reply, report_of, setting


def _asked(arrivals: dict[str, Any], *, each_second: int = 5) -> Report:
    scenario = {"name": "quick", "seed": 20, "arrivals": arrivals}
    return make_report(measured_of([[reply()] * each_second] * 3), setting(scenario=scenario))


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("p99_ms", 1110.0, "1.11 s"),
        ("p50_ms", 20.0, "20 ms"),
        ("error_share", 0.001, "0.10\N{NARROW NO-BREAK SPACE}%"),
        ("goodput_rps", 5.951, "5.95/s"),
        ("coverage", None, "\N{EN DASH}"),
    ],
)
def test_a_figure_has_its_unit(name: str, value: float | None, words: str) -> None:
    """Times, rates, and shares in percent."""
    assert amount(name, value) == words


@pytest.mark.parametrize(
    ("name", "low", "high", "words"),
    [
        ("p99_ms", -303.0, 1110.0, "\N{MINUS SIGN}303 to +1\N{NARROW NO-BREAK SPACE}110 ms"),
        ("p50_ms", -0.25, 0.0, "\N{MINUS SIGN}0.25 to +0 ms"),
        ("error_share", -1e-17, 0.0123, "+0.00 to +1.23 points"),
        ("goodput_rps", 0.5, 1.5, "+0.5 to +1.5/s"),
    ],
)
def test_a_difference_has_a_sign_and_a_unit(name: str, low: float, high: float, words: str) -> None:
    """And no powers of ten."""
    assert interval(name, low, high) == words


def test_every_figure_that_is_compared_has_a_name() -> None:
    """And a unit, without which the comparison could not be written."""
    report = report_of([[reply(recall={1: 1.0})] * 400] * 30)
    names = [each.name for each in compare(report, report)]
    assert {"p999_ms", "goodput_rps", "recall_at_1", "server_cpu_ms_per_answer"} <= set(names)
    assert len({(figure(name), amount(name, 1.0)[-1]) for name in names}) == len(names)


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_that_may_be_bounded_has_a_name(name: str) -> None:
    """The report of an objective shows it, and so does that of a search for the knee."""
    assert figure(name)


def test_more_photos_than_asked_for_came_by_chance() -> None:
    """The headline says both, where a reader would wonder; of even distances, chance has no part."""
    assert headline(_asked({"kind": "poisson", "rate": 3})).startswith(
        "At 5 photos a second (3 on average, and more by chance), "
    )
    assert "(6 on average, and fewer by chance)" in headline(_asked({"kind": "poisson", "rate": 6}))
    for arrivals in ({"kind": "poisson", "rate": 5}, {"kind": "constant", "rate": 6}, {"kind": "ramp", "to_rate": 9}):
        assert mean_rate(_asked(arrivals)) is None
        assert headline(_asked(arrivals)).startswith("At 5 photos a second, ")


def test_what_was_given_up_is_said() -> None:
    """As a share of the answers; a gateway that gave up nothing is not mentioned."""
    assert "for 25.0\N{NARROW NO-BREAK SPACE}% of its answers" in degraded(
        report_of([[*[reply()] * 3, reply(rung="no_extras")]])
    )
    assert degraded(report_of([[reply()] * 4])) == ""
