"""The page shows what the report holds, loads nothing, and shows names as they are."""

import re
from html.parser import HTMLParser

import pytest

from services.loadtest.page import render
from services.loadtest.report import bounds, make_report
from services.loadtest.schema import Knee, KneeStep, Report
from services.loadtest.tally import Outcome
from tests.support.load import measured_of, reply, report_of, setting, tally_of

EVIL = "<script>alert(1)</script>\"'&"
SECOND = [
    *[reply(20.0, recall={1: 1.0})] * 120,
    reply(300.0, Outcome.PARTIAL, rung="fewer_shards", missing_shards={"late": 2, "skipped": 1}),
    reply(2.0, Outcome.SHED, reason="OVERLOADED"),
]
_VOID = {"meta", "link", "br", "circle"}


class _Page(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            assert not name.startswith("on")
            assert name not in {"src", "href"} or (value or "").startswith("data:")
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, _attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def words(report: Report) -> str:
    """Return the text of a report's page, which must be well-formed and load nothing."""
    html = render(report)
    page = _Page(html)
    assert {"script", "iframe", "object", "form"}.isdisjoint(page.tags)
    assert not re.search(r"https?://|url\(|@import", html)
    return " ".join(page.text.split())


def _knee(rate: float | None) -> Report:
    measured = measured_of([SECOND] * 12)
    told = setting("p99_ms=350,error_share=0.01")
    steps = [
        KneeStep(
            rate=each,
            seconds=12.0,
            kept=each < 100,
            p99_ms=each * 3,
            slo=tuple(bounds(told.slo, tally_of([reply(each * 3)]))),
            goodput_rps=each,
            outcomes=report_of([SECOND]).outcomes,
            invalid_reason=None,
        )
        for each in (50.0, 100.0, 70.7)
    ]
    knee = Knee(
        rate=rate,
        missed_rate=100.0,
        steps=steps,
        overload_rate=None if rate is None else 2 * rate,
        recovery_seconds=3.0,
    )
    return make_report(measured, told, knee=knee)


def test_the_page_shows_each_part() -> None:
    """The headline, time, outcomes, the tail, quality, stages, processors, trust."""
    shown = words(report_of([SECOND] * 12, slo="p99_ms=350"))
    for part in (
        "At 122 photos a second, 99 in 100 answers came within",
        "The objective was kept",
        "Latency over time",
        "What became of the photos",
        "How many waited how long",
        "Quality under load",
        "Where the gateway's time goes",
        "Processors and memory",
        "Can it be believed?",
        "OVERLOADED 12",
        "gateway",
    ):
        assert part in shown


def test_a_run_that_can_t_be_believed_says_so_first() -> None:
    """Above all figures."""
    shown = words(report_of([SECOND] * 12, lag_seconds=0.5))
    assert shown.index("Don't believe these figures") < shown.index("full answers in time a second")


def test_the_knee_is_the_headline_of_a_search_for_it() -> None:
    """With the recovery; and one that found none says that."""
    shown = words(_knee(70.7))
    assert (
        "It keeps the objective up to 70.7 photos a second. After twice that for a while, it keeps it again 3 s later."
        in shown
    )
    assert "100 photos a second miss it" in shown
    for decisive in ("by its latency p99", "at most 350 ms", "at most 1.00 %", "212 ms"):
        assert decisive in shown
    assert "122/s were due, drawn by chance around 70.7/s" in shown
    assert "No rate that was tried keeps the objective." in words(_knee(None))


@pytest.mark.parametrize("length", [1, 20, 400])
def test_runs_of_any_length_make_a_page(length: int) -> None:
    """A long one has as many columns as can be told apart."""
    assert "photos" in words(report_of([[reply(20.0), reply(1.0, Outcome.ERROR)]] * length))


def test_a_run_without_an_answer_makes_a_page() -> None:
    """The emptiest there is."""
    assert "None of 2 photos was answered." in words(report_of([[reply(1.0, Outcome.ERROR)] * 2]))


def test_what_answers_lack_is_explained() -> None:
    """That the gateway was degraded, each rung, and each state of a missing shard; cells stand together here."""
    shown = words(report_of([SECOND] * 12))
    assert "The gateway was degraded: for 0.8 % of its answers" in shown
    assert "fewer_shards120.8 %besides, the shards beyond 80 %" in shown
    assert "late24did not answer in time" in shown
    assert "skipped12was not asked" in shown
    well = words(report_of([[reply()] * 100] * 12))
    assert "degraded" not in well
    assert "What answers lack" not in well


def test_what_others_used_is_shown() -> None:
    """With its share of the machine; and that it is not known, where it is not."""
    report = report_of([SECOND] * 12, others_cores=1.2)
    assert "other programs used 1.20 cores, 60 % of this machine" in words(report)
    assert "othersnot known" in words(report.model_copy(update={"others": None}))


def test_names_are_text_whatever_is_in_them() -> None:
    """A scenario called <script> is shown as that."""
    told = setting(scenario={"name": EVIL}, command=EVIL)
    report = make_report(measured_of([SECOND]), told)
    assert "<script" not in render(report)
    assert EVIL in words(report)
