"""The load test against a gateway in a process of its own: what it reads, what it says of itself, and bad input."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import numpy as np
import pytest
from aisle.search.v1 import search_pb2, search_pb2_grpc

from services.cli.exit_codes import ExitCode
from services.common.errors import AisleError
from services.common.misfits import checked
from services.loadtest.config import LoadtestSettings
from services.loadtest.run import prepare
from services.loadtest.schema import Report
from tests.support.load_command import JUDGED, command, outcome_of, scenario
from tests.support.stub_gateway import stub_gateway


async def _stalled(tmp_path: Path, seconds: float, stall: float) -> Report:
    """Send 500 a second, with the gateway stopped for a time in the middle."""
    arrivals = {"kind": "poisson", "rate": 500, "seconds": seconds}
    async with stub_gateway("--answer-ms", "1") as stub:
        options = ("--scenario", scenario(tmp_path / "s.yaml", arrivals=arrivals))
        async with command(stub.target, tmp_path / "out", *options) as running:
            await running.sending()
            await asyncio.sleep(0.5 + seconds / 2)
            await stub.stand_still(stall)
            await running.ended()
            return running.report()


def _assert_stall_is_seen(report: Report, seconds: float, stall: float) -> None:
    assert report.outcomes.ok == sum(second.offered for second in report.seconds)
    assert report.outcomes.ok == pytest.approx(500 * seconds, rel=0.1)
    assert report.latency_ms is not None
    assert report.latency_ms.p99 is not None
    assert report.latency_ms.p99 >= 750 * stall
    assert report.latency_ms.max >= 900 * stall


async def test_a_gateway_that_stands_still_can_t_hide_it(tmp_path: Path) -> None:
    """A fifth of a second in four: 5 % of the photos are held up, and a closed loop would have read 1 ms."""
    _assert_stall_is_seen(await _stalled(tmp_path, 4.0, 0.2), 4.0, 0.2)


@pytest.mark.slow
async def test_a_gateway_that_stands_still_for_a_second_in_twenty(tmp_path: Path) -> None:
    """The same at full length: p99 is 750 ms or more."""
    _assert_stall_is_seen(await _stalled(tmp_path, 20.0, 1.0), 20.0, 1.0)


async def _read_beside_control(tmp_path: Path, seconds: float) -> tuple[Report, np.ndarray]:
    """Read a gateway of 10 ms, and meanwhile ask it one photo after the other with a plain client."""
    arrivals = {"kind": "poisson", "rate": 40, "seconds": seconds}
    async with stub_gateway("--answer-ms", "10") as stub:
        options = ("--scenario", scenario(tmp_path / "s.yaml", arrivals=arrivals))
        async with command(stub.target, tmp_path / "out", *options) as running:
            await running.sending()
            control = asyncio.create_task(asyncio.to_thread(_closed_loop, stub.target, seconds))
            await running.ended()
            return running.report(), await control


def _closed_loop(target: str, seconds: float) -> np.ndarray:
    """Return the milliseconds of calls one after the other, through gRPC's blocking client."""
    times, end = list[float](), time.monotonic() + seconds
    with grpc.insecure_channel(target) as channel:
        stub = search_pb2_grpc.SearchServiceStub(channel)
        while (began := time.perf_counter()) and time.monotonic() < end:
            stub.Search(search_pb2.SearchRequest(image=b"photo"))
            times.append(1000 * (time.perf_counter() - began))
    return np.array(times)


async def test_a_gateway_of_10_ms_reads_what_another_client_reads(tmp_path: Path) -> None:
    """Never less than 10 ms, and no more than 5 % above the slower tenth of a plain client's calls meanwhile.

    In virtual time (tests/unit/loadtest/test_sender.py) it is 10 ms to 0.2 %; here the machine may be busy.
    """
    report, control = await _read_beside_control(tmp_path, 2.5)
    assert report.latency_ms is not None
    assert report.latency_ms.p50 is not None
    assert report.latency_ms.p50 >= 9.9
    assert report.latency_ms.p50 <= 1.05 * np.quantile(control, 0.9)


@pytest.mark.slow
async def test_a_gateway_of_10_ms_reads_10_ms(tmp_path: Path) -> None:
    """Within 5 % of what a plain client reads, transport and all; needs a machine that does nothing else."""
    report, control = await _read_beside_control(tmp_path, 20.0)
    assert report.latency_ms is not None
    assert report.latency_ms.p50 == pytest.approx(float(np.median(control)), rel=0.05)


async def test_a_throttled_client_marks_itself_invalid(tmp_path: Path) -> None:
    """A sender that gets a tenth of the time is late, says so, and the command fails; the gateway is innocent."""
    arrivals = {"kind": "constant", "rate": 100, "seconds": 2}
    async with stub_gateway("--answer-ms", "1") as stub:
        options = ("--scenario", scenario(tmp_path / "s.yaml", arrivals=arrivals))
        async with command(stub.target, tmp_path / "out", *options) as running:
            await running.sending()
            [sender] = await running.senders()
            for _ in range(4):
                os.kill(sender, signal.SIGSTOP)
                await asyncio.sleep(0.45)
                os.kill(sender, signal.SIGCONT)
                await asyncio.sleep(0.05)
            status, _ = await running.ended()
            report = running.report()
    assert status == ExitCode.INVALID
    assert report.invalid_reason is not None
    assert "the client sent late" in report.invalid_reason


async def test_two_senders_send_it_all_and_the_server_s_use_is_told(tmp_path: Path) -> None:
    """Their histograms are one; the stub's processor time and memory are in the report, and the objective's verdict."""
    arrivals = {"kind": "step", "rates": [100, 200], "seconds_each": 2}
    mix = [{"deadline_ms": 10_000}, {"policy": "all", "criticality": "batch", "deadline_ms": 10_000}]
    async with stub_gateway("--answer-ms", "1") as stub:
        path = scenario(tmp_path / "s.yaml", arrivals=arrivals, mix=mix)
        options = ("--scenario", path, "--senders", 2, "--server-pid", f"stub={stub.pid}", "--slo", "p50_ms=0.01")
        status, report = await outcome_of(stub, tmp_path / "out", *options)
    assert status in {ExitCode.MISSED, ExitCode.INVALID}
    assert report.slo_kept is False
    assert report.outcomes.ok == pytest.approx(600, abs=100)
    assert sum(second.outcomes.ok for second in report.seconds[2:]) > sum(s.outcomes.ok for s in report.seconds[:2])
    assert [sum(kind.outcomes.model_dump().values()) for kind in report.kinds] == [pytest.approx(300, abs=80)] * 2
    [stub_use] = report.server.processes
    assert stub_use.cores > 0
    assert stub_use.memory_mb_max > 10
    assert (report.server.snapshot_id, report.server.models) == ("snapshot-1", {"embedder": "stub"})
    assert set(report.stages) == {"decode", "total"}
    assert "<h1>" in (tmp_path / "out" / "report.html").read_text()


async def test_refusals_are_told_from_errors(tmp_path: Path) -> None:
    """A gateway that is full sheds; the module for containers does as the command does."""
    async with stub_gateway("--answer-ms", "100", "--most", "2") as stub:
        arrivals = {"kind": "poisson", "rate": 100, "seconds": 2}
        options = ("--scenario", scenario(tmp_path / "s.yaml", arrivals=arrivals))
        status, report = await outcome_of(stub, tmp_path / "out", *options, module="services.loadtest")
    assert status in JUDGED
    assert report.outcomes.shed > report.outcomes.ok > 0
    assert report.outcomes.error == 0
    assert report.error_reasons == {"OVERLOADED": report.outcomes.shed}


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for "gateway", signed by itself, and its key."""
    key, signed = tmp_path / "key.pem", tmp_path / "certificate.pem"
    words = ("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=gateway")
    subject = ("-addext", "subjectAltName=DNS:gateway")
    subprocess.run(["openssl", *words, *subject, "-keyout", key, "-out", signed], check=True, capture_output=True)
    return signed, key


async def test_tls_and_a_token_open_the_door(
    tmp_path: Path, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With both it is tested; without either the refusal says what is amiss."""
    signed, key = certificate
    token = tmp_path / "token"
    token.write_text("secret\n")
    arrivals = {"kind": "poisson", "rate": 50, "seconds": 1}
    async with stub_gateway("--token", "secret", "--certificate", str(signed), "--key", str(key)) as stub:
        path = scenario(tmp_path / "s.yaml", arrivals=arrivals)
        environment = {"TLS_CA": signed, "TLS_SERVER_NAME": "gateway", "TOKEN_FILE": token}
        for name, value in environment.items():
            monkeypatch.setenv(f"AISLE_{name}", str(value))
        status, report = await outcome_of(stub, tmp_path / "out", "--scenario", path)
        by_tls = {"target": stub.target, "tls_ca": signed, "tls_server_name": "gateway"}
        assert "does not let us in: no token that we know" in await refusal(**by_tls)
        assert "it wants TLS" in await refusal(target=stub.target)
    assert status == ExitCode.INVALID  # 50 answers tell no p99
    assert report.outcomes.ok > 0
    assert "secret" not in report.to_json()


async def refusal(**settings: object) -> str:
    """Return the one line with which a load test refuses before it sends anything."""
    with pytest.raises(AisleError) as refused:
        await prepare(checked(LoadtestSettings, settings, "options"), "aisle loadtest", asyncio.Event())
    assert "\n" not in refused.value.message
    return refused.value.message


@asynccontextmanager
async def _another_protocol() -> AsyncIterator[str]:
    """Serve something that answers every caller with words of HTTP/1."""

    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_who_is_no_gateway_is_told_apart() -> None:
    """A target that is down or a name that is nobody's, one of another protocol, and a gRPC server that is not ours."""
    assert "nobody serves at 127.0.0.1:1 " in await refusal(target="127.0.0.1:1")
    assert "nobody serves at gateway.invalid:1 " in await refusal(target="gateway.invalid:1")
    async with _another_protocol() as target:
        assert "another protocol" in await refusal(target=target)
    server = grpc.aio.server()
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    assert "is no Aisle gateway" in await refusal(target=f"127.0.0.1:{port}")
    await server.stop(grace=None)


async def test_bad_input_gets_one_line(tmp_path: Path) -> None:
    """And no stack trace, whoever is asked: the command, or the module for containers."""
    arrivals = {"kind": "constant", "rate": 1, "seconds": 1}
    bad = scenario(tmp_path / "s.yaml", arrivals=arrivals, sead=1)
    for module in ("services.cli", "services.loadtest"):
        async with command("127.0.0.1:1", tmp_path / "out", "--scenario", bad, module=module) as running:
            status, errors = await running.ended()
        assert status == ExitCode.UNUSABLE_INPUT
        assert len(errors.strip().splitlines()) == 1, errors
        assert "sead: there is no such field; did you mean seed?" in errors


async def test_a_folder_that_can_t_take_the_report_is_refused_before_a_photo_is_sent(tmp_path: Path) -> None:
    """Not after half an hour; a file in the folder's place is one of many ways."""
    (tmp_path / "taken").touch()
    async with stub_gateway() as stub:
        assert "taken: File exists; the report needs another folder" in await refusal(
            target=stub.target, out=tmp_path / "taken"
        )


@pytest.mark.slow
async def test_a_rate_that_can_t_be_sent_is_said(tmp_path: Path) -> None:
    """20,000 a second from one process: the sender gives up, and says so."""
    async with stub_gateway("--answer-ms", "1") as stub:
        status, report = await outcome_of(
            stub, tmp_path / "out", "--rate", 20_000, "--seconds", 20, "--synthetic-kb", 2
        )
    assert status == ExitCode.INVALID
    assert report.invalid_reason is not None
    assert "could not send at this rate" in report.invalid_reason


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_the_knee_of_a_gateway_is_found(tmp_path: Path) -> None:
    """Two workers of 40 ms do 50 a second: the knee is below, and the recovery is seen."""
    async with stub_gateway("--answer-ms", "40", "--workers", "2") as stub:
        options = ("--find-knee", "--rate", 20, "--seconds", 8, "--slo", "p90_ms=200,error_share=0.01")
        further = ("--knee-precision", 0.2, "--synthetic-kb", 2)
        status, report = await outcome_of(stub, tmp_path / "out", *options, *further)
    assert status in JUDGED
    assert report.knee is not None
    assert report.knee.rate is not None
    assert 25 < report.knee.rate < 55
    assert report.knee.recovery_seconds is not None


def test_modules_that_send_load_no_display() -> None:
    """A sender starts fast, and has nothing in it that could make it late."""
    code = (
        "import sys, services.loadtest.sender as _; print([n for n in ('rich', 'jinja2', 'typer') if n in sys.modules])"
    )
    words: Sequence[str] = (sys.executable, "-c", code)
    assert subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip() == "[]"
