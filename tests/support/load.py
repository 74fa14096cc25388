"""Load tests for tests: tallies, measurements and reports as they would come of runs."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

import numpy as np
from aisle.search.v1 import search_pb2

from services.evaluation.schema import Machine
from services.loadtest.consumption import Sample
from services.loadtest.job import Job
from services.loadtest.measured import Ending, Measured
from services.loadtest.photos import Source
from services.loadtest.plan import make_plan
from services.loadtest.report import Setting, make_report
from services.loadtest.scenario import Kind
from services.loadtest.schema import Report
from services.loadtest.sender import Sender
from services.loadtest.slo import parse_slo
from services.loadtest.tally import Outcome, Reply, Tally
from services.loadtest.target import Target
from services.loadtest.usage import MachineTime, Use
from tests.support.virtual_time import VirtualLoop, run_virtually

MACHINE = Machine(cpu="a processor", cores=2, memory_bytes=8_000_000_000, system="Linux", python="3.11", packages={})
Answer = Callable[[], Awaitable[Any]]
"""What a gateway does with a photo."""


def setting(slo: str = "", kinds: Sequence[str] = ("adaptive",), **others: Any) -> Setting:
    """Return what a report says besides its figures."""
    fields: dict[str, Any] = {
        "created_at": "2026-11-26T12:00:00+00:00",
        "command": "aisle loadtest",
        "machine": MACHINE,
        "cores": 2,
        "target": "127.0.0.1:50051",
        "snapshot_id": "snapshot-1",
        "models": {"embedder": "lite0"},
        "server_pids": {"gateway": 7},
        "senders": 1,
        "photos": "16 made-up photos",
        "scenario": {"name": "quick", "seed": 20},
    }
    return Setting(**{**fields, **others}, kinds=kinds, slo=parse_slo(slo))


def reply(milliseconds: float = 20.0, outcome: Outcome = Outcome.OK, **others: Any) -> Reply:
    """Return what became of a photo."""
    is_answer = outcome in {Outcome.OK, Outcome.PARTIAL}
    fields: dict[str, Any] = {"in_time": outcome is Outcome.OK, "code": "OK" if is_answer else "UNAVAILABLE"}
    if is_answer:
        fields |= {"coverage": 1.0, "rung": "full", "stages_seconds": {"total": milliseconds / 1000}}
    return Reply(outcome=outcome, seconds=milliseconds / 1000, **{**fields, **others})


def tally_of(replies: Iterable[Reply], lag_seconds: float = 0.0001) -> Tally:
    """Return the sum of replies."""
    tally = Tally()
    for each in replies:
        tally.record(each, lag_seconds)
    return tally


def measured_of(
    by_second: Sequence[Sequence[Reply]],
    *,
    server_cores: float = 0.5,
    others_cores: float = 0.02,
    lag_seconds: float = 0.0001,
) -> Measured:
    """Return a measurement with these replies second by second, whose server and others used so many of two cores."""
    times = np.concatenate([second + np.arange(len(each)) / max(1, len(each)) for second, each in enumerate(by_second)])
    measured = Measured(make_plan([times], [1.0], 1, 0), float(len(by_second)), ending=Ending("", float(times[-1])))
    for second, replies in enumerate(by_second):
        measured.tallies[second, 0] = [tally_of(replies, lag_seconds).to_json()]
    measured.samples = [
        Sample(
            float(at),
            {"gateway": Use(5.0 + server_cores * at, 100_000_000)},
            {"sender 0": Use(1.0 + 0.1 * at, 50_000_000)},
            0.01 * at,
            MachineTime(50.0 + (server_cores + 0.11 + others_cores) * at, 800.0 + 2.0 * at),
        )
        for at in range(len(by_second) + 1)
    ]
    return measured


def report_of(by_second: Sequence[Sequence[Reply]], slo: str = "", **others: Any) -> Report:
    """Return the report of such a measurement."""
    return make_report(measured_of(by_second, **others), setting(slo))


def sent_virtually(times: Iterable[float], answer: Answer, deadline_ms: float = 60_000.0) -> tuple[Tally, str]:
    """Send photos at these times in virtual time; return what was counted, and why the sender gave up, if it did."""

    async def send() -> tuple[Tally, str]:
        told = list[dict[str, Any]]()
        loop = asyncio.get_running_loop()
        kinds = (Kind(deadline_ms=deadline_ms),)
        plan = make_plan([np.asarray(list(times), np.float64)], [1.0], 1, 0)
        job = Job(Target(address="nowhere"), kinds, Source((), (), 1, 0, ""), plan)

        async def call(_request: bytes, **_options: Any) -> Any:
            return await answer()

        await Sender(job, call, [b"photo"], told.append, loop.time).run(loop.time() + 1.0)
        tally = Tally()
        for line in told[:-1]:
            tally.add(Tally.from_json(line["tally"]))
        return tally, str(told[-1]["gave_up"])

    return run_virtually(send())


def busy_for(seconds: float) -> None:
    """Keep the virtual loop busy."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    loop.advance(seconds)


def full_answer() -> search_pb2.SearchResponse:
    """Return a full answer."""
    return search_pb2.SearchResponse(coverage=search_pb2.Coverage(share=1.0, planned_share=1.0))
