"""One request, what is said about it on its way, and the one line that it leaves."""

import asyncio
from collections import Counter
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from services.common.request_log import RequestLog, Which
from services.common.requests import Request, mention, part_of_stream, remark, request_id_of
from services.common.telemetry import get_logger
from tests.support.clocks import ManualClock

_log = get_logger()


@pytest.fixture
def lines() -> Iterator[list[EventDict]]:
    """What is logged."""
    with capture_logs() as captured:
        yield captured


def request(log: RequestLog, clock: ManualClock, request_id: str = "r-1") -> Request:
    """Return a request whose line is written to a log, as those of its parts are."""
    return Request(request_id, "Search", clock, log.write, log.write)


def written(which: Which, clock: ManualClock, *codes: str) -> None:
    """Handle requests that end with these codes."""
    log = RequestLog(which, clock)
    for code in codes:
        with request(log, clock) as each:
            each.failed(code, "" if code == "OK" else "WHY")


def test_what_went_wrong_on_the_way_is_on_the_request_s_one_line(lines: list[EventDict]) -> None:
    """Three lost shards of one request: one line, with its id, its time, and why each was lost."""
    clock = ManualClock()
    with request(RequestLog("notable", clock), clock):
        for shard in ("bag", "coat", "hat"):
            remark(_log, "shard_lost", shard=shard)
        mention(rung="full")
        clock.advance(0.25)
    assert lines == [
        {
            "event": "request",
            "log_level": "warning",
            "request_id": "r-1",
            "method": "Search",
            "code": "OK",
            "seconds": 0.25,
            "rung": "full",
            "remarks": [{"event": "shard_lost", "shard": shard} for shard in ("bag", "coat", "hat")],
        }
    ]


def test_the_line_stays_short_however_much_goes_wrong(lines: list[EventDict]) -> None:
    """Of five hundred lost shards the first ones tell why, and the rest is counted."""
    clock = ManualClock()
    with request(RequestLog("notable", clock), clock):
        for shard in range(500):
            remark(_log, "shard_lost", shard=shard)
    [line] = lines
    assert (len(line["remarks"]), line["further_remarks"]) == (8, 492)


async def test_a_remark_after_the_line_or_without_a_request_has_a_line_of_its_own(lines: list[EventDict]) -> None:
    """What a request started in the background goes on after it; nothing that it says is lost."""
    clock, later = ManualClock(), asyncio.Event()

    async def go_on() -> None:
        await later.wait()
        remark(_log, "check_failed")

    remark(_log, "nobody_waits", level="info")
    with request(RequestLog("none", clock), clock):
        background = asyncio.create_task(go_on())
    later.set()
    await background
    assert [line["event"] for line in lines] == ["nobody_waits", "check_failed"]


def test_a_defect_s_traceback_is_on_the_line(lines: list[EventDict]) -> None:
    """At level error, whatever the code."""
    clock = ManualClock()
    with request(RequestLog("notable", clock), clock):
        remark(_log, "unexpected_error", level="error", defect=ZeroDivisionError("by nothing"))
    [line] = lines
    assert line["log_level"] == "error"
    assert "ZeroDivisionError: by nothing" in line["remarks"][0]["exception"]


@pytest.mark.parametrize(
    ("which", "codes"),
    [
        ("all", ["OK", "INTERNAL", "UNAVAILABLE", "INVALID_ARGUMENT"]),
        ("notable", ["INTERNAL", "UNAVAILABLE", "INVALID_ARGUMENT"]),
        ("none", []),
    ],
)
def test_which_requests_have_a_line_is_a_setting(lines: list[EventDict], which: Which, codes: list[str]) -> None:
    """All, none, or those with an error; the level says whose fault it is."""
    written(which, ManualClock(), "OK", "INTERNAL", "UNAVAILABLE", "INVALID_ARGUMENT")
    assert [line["code"] for line in lines] == codes
    levels = {line["code"]: line["log_level"] for line in lines if line["code"] != "OK"}
    assert levels.items() <= {"INTERNAL": "error", "UNAVAILABLE": "warning", "INVALID_ARGUMENT": "info"}.items()


def test_an_overload_does_not_flood_the_log(lines: list[EventDict]) -> None:
    """Of a thousand refusals at once fifty are written, and the next line tells how many were not."""
    clock = ManualClock()
    log = RequestLog("notable", clock)
    for _ in range(1_000):
        with request(log, clock) as each:
            each.failed("RESOURCE_EXHAUSTED", "OVERLOADED")
    assert len(lines) == 50
    clock.advance(0.21)
    with request(log, clock) as each:
        each.failed("RESOURCE_EXHAUSTED", "OVERLOADED")
    assert (len(lines), lines[-1]["requests_left_out"]) == (51, 950)


def test_what_there_is_much_of_does_not_crowd_out_other_lines(lines: list[EventDict]) -> None:
    """Neither strangers nor an overload hide a caller's mistake, a defect or an answer that lacks something."""
    many = ["UNAUTHENTICATED", "RESOURCE_EXHAUSTED"] * 1_000
    written("notable", ManualClock(), *many, "INVALID_ARGUMENT", "INTERNAL")
    assert Counter(line["code"] for line in lines) == {
        "UNAUTHENTICATED": 50,
        "RESOURCE_EXHAUSTED": 50,
        "INVALID_ARGUMENT": 1,
        "INTERNAL": 1,
    }
    assert lines[-2]["requests_left_out"] == 1_900


def test_requests_of_a_stream_have_their_own_ids_and_lines(lines: list[EventDict]) -> None:
    """The stream's line comes last, and says nothing of what went wrong with one of its photos."""
    clock = ManualClock()
    with request(RequestLog("all", clock), clock, "stream"), part_of_stream("photo-7") as photo:
        remark(_log, "shard_lost", shard="bag")
        photo.failed("UNAVAILABLE", "MODEL_UNAVAILABLE")
    assert [(line["request_id"], line["code"], "remarks" in line) for line in lines] == [
        ("photo-7", "UNAVAILABLE", True),
        ("stream", "OK", False),
    ]


@pytest.mark.parametrize("sent", ["a", "3f2c-99", "shop:4711/2", "x" * 128])
def test_a_caller_s_id_is_kept(sent: str) -> None:
    """Any that is short and plain."""
    assert request_id_of(sent) == sent


@pytest.mark.parametrize("sent", [None, "", "two words", "x" * 129, "line\n", 'quote"', "ä"])
def test_an_unfit_id_is_replaced(sent: str | None) -> None:
    """What could forge a line of the log, or fill it."""
    made = request_id_of(sent)
    assert made != sent
    assert len(made) == 32
