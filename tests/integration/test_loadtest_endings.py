"""How load tests end: with Ctrl-C or SIGTERM at any time, with a gateway that dies, and with an objective's verdict."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from services.cli.exit_codes import ExitCode
from tests.support.load_command import command, outcome_of, scenario
from tests.support.stub_gateway import stub_gateway


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_in_the_middle_still_writes_the_report(tmp_path: Path, number: signal.Signals) -> None:
    """Of what was measured until then, with exit status 130."""
    async with stub_gateway("--answer-ms", "5") as stub:
        arrivals = {"kind": "ramp", "from_rate": 50, "to_rate": 60, "seconds": 600}
        options = ("--scenario", scenario(tmp_path / "s.yaml", arrivals=arrivals))
        async with command(stub.target, tmp_path / "out", *options) as running:
            await running.sending()
            await asyncio.sleep(2.0)
            running.process.send_signal(number)
            status, errors = await running.ended()
            report = running.report()
    assert status == ExitCode.INTERRUPTED
    assert "Traceback" not in errors
    assert report.interrupted
    assert 0.5 < report.duration_seconds < 20
    assert report.outcomes.ok > 10


async def test_ctrl_c_before_anything_is_sent_says_nothing(tmp_path: Path) -> None:
    """While Python still reads modules: no report, and no stack trace."""
    async with command("127.0.0.1:1", tmp_path / "out", module="services.loadtest") as running:
        await _reading_modules(running.process.pid)
        running.process.send_signal(signal.SIGINT)
        status, errors = await running.ended()
    assert (status, errors) == (ExitCode.INTERRUPTED, "")
    assert not (tmp_path / "out").exists()


async def _reading_modules(pid: int) -> None:
    """Return once a process reads our modules: it has mapped a library that Python itself does not need."""
    while "pydantic" not in Path(f"/proc/{pid}/maps").read_text():  # noqa: ASYNC110 - it tells nobody
        await asyncio.sleep(0.002)


async def test_ctrl_c_while_the_last_answers_are_waited_for_changes_nothing(tmp_path: Path) -> None:
    """Everything was sent by then: it is no interrupted run, however often one presses."""
    async with stub_gateway("--answer-ms", "3000") as stub:
        arrivals = {"kind": "constant", "rate": 20, "seconds": 1}
        path = scenario(tmp_path / "s.yaml", arrivals=arrivals, warm_up_seconds=0)
        async with command(stub.target, tmp_path / "out", "--scenario", path) as running:
            await running.sending()
            await asyncio.sleep(2.5)
            for _ in range(2):
                running.process.send_signal(signal.SIGINT)
                await asyncio.sleep(0.1)
            status, errors = await running.ended()
            report = running.report()
    assert status == ExitCode.INVALID  # 20 answers tell no p99
    assert "Traceback" not in errors
    assert not report.interrupted
    assert report.outcomes.ok == 20


async def test_a_gateway_that_dies_is_told_by_its_errors(tmp_path: Path) -> None:
    """The photos before it are answers, those after it errors, and none is lost; an objective is missed."""
    async with stub_gateway("--answer-ms", "2") as stub:
        arrivals = {"kind": "constant", "rate": 50, "seconds": 4}
        options = ("--scenario", scenario(tmp_path / "s.yaml", arrivals=arrivals), "--slo", "error_share=0.01")
        async with command(stub.target, tmp_path / "out", *options) as running:
            await running.sending()
            await asyncio.sleep(2.0)
            os.kill(stub.pid, signal.SIGKILL)
            status, errors = await running.ended()
            report = running.report()
    assert status in {ExitCode.MISSED, ExitCode.INVALID}
    assert "Traceback" not in errors
    assert report.slo_kept is False
    assert report.outcomes.ok > 10
    assert report.outcomes.error > 10
    assert report.outcomes.ok + report.outcomes.error == 200
    assert set(report.codes) == {"OK", "UNAVAILABLE"}


async def test_a_job_s_exit_status_is_the_objective_s(tmp_path: Path) -> None:
    """As a Job in a cluster has it: 0 when the objective was kept, 6 when it was missed."""
    arrivals = {"kind": "poisson", "rate": 60, "seconds": 2}
    async with stub_gateway("--answer-ms", "5") as stub:
        path = scenario(tmp_path / "s.yaml", arrivals=arrivals)
        for slo, expected in (("p50_ms=10000", ExitCode.OK), ("p50_ms=1", ExitCode.MISSED)):
            options = ("--scenario", path, "--slo", slo)
            status, report = await outcome_of(stub, tmp_path / "out", *options, module="services.loadtest")
            assert status == (expected if report.valid else ExitCode.INVALID)
            assert report.slo_kept is (expected is ExitCode.OK)
