"""The real Triton: starts, verifies, batches, refuses, ends."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import grpc.aio
import numpy as np
import pytest
from numpy.typing import NDArray
from structlog.testing import capture_logs
from tritonclient.grpc import service_pb2, service_pb2_grpc

from services.common.errors import (
    DeadlineExceeded,
    FailedPrecondition,
    Internal,
    ModelUnavailable,
    Overloaded,
)
from services.models.client import TritonModels, error_of
from services.models.config import TritonSettings
from services.models.inference import encode_request
from services.models.launcher import prepare_triton, running_triton, start_triton
from services.models.process import TritonProcess
from tests.support import tiny_models
from tests.support.tiny_models import SIDE, run_in_process
from tests.support.triton import ROOT, triton_settings

pytestmark = pytest.mark.triton

Pixels = NDArray[np.uint8]


@pytest.fixture
async def models(tiny_triton: TritonProcess) -> AsyncIterator[TritonModels]:
    client = TritonModels(tiny_triton.command.target)
    yield client
    await client.close()


@pytest.fixture
async def raw(tiny_triton: TritonProcess) -> AsyncIterator[Any]:
    """Triton's own interface, for what our client does not tell."""
    async with grpc.aio.insecure_channel(tiny_triton.command.target) as channel:
        yield service_pb2_grpc.GRPCInferenceServiceStub(channel)


def pictures(count: int, *, side: int = SIDE, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


async def test_describe_tells_all_that_a_client_needs(models: TritonModels) -> None:
    """Sizes, labels, version and digest come from Triton alone."""
    embedder, classifier = await models.describe("embedder"), await models.describe("classifier")
    assert (embedder.input_height, embedder.input_width, embedder.output_size) == (SIDE, SIDE, tiny_models.DIMENSION)
    assert embedder.version == "tiny-embedder-1"
    assert len(embedder.sha256) == 64
    assert classifier.labels == tiny_models.LABELS


async def test_concurrent_requests_of_different_sizes_get_their_own_rows(models: TritonModels, raw: Any) -> None:
    """Requests are joined to batches, and every caller gets what ONNX Runtime says about its own pictures."""
    before = await _statistics(raw, "embedder")
    batches = [pictures(1 + seed % 3, seed=seed) for seed in range(24)]
    answers = await asyncio.gather(*(models.embed(batch, 5.0) for batch in batches))
    after = await _statistics(raw, "embedder")
    for batch, answer in zip(batches, answers, strict=True):
        np.testing.assert_allclose(answer, run_in_process(tiny_models.embedder(), batch), atol=1e-5)
    assert after.execution_count - before.execution_count < len(batches)


async def test_classify_answers_with_distributions(models: TritonModels) -> None:
    """The classifier's rows are those of ONNX Runtime in process."""
    batch = pictures(4)
    answer = await models.classify(batch, 5.0)
    np.testing.assert_allclose(answer, run_in_process(tiny_models.classifier(), batch), atol=1e-6)


async def test_a_full_queue_refuses_with_overloaded(models: TritonModels) -> None:
    """One request runs, two wait, the others are told at once."""
    calls = await asyncio.gather(
        *(models.infer("slow", pictures(8, seed=seed), 5.0) for seed in range(6)), return_exceptions=True
    )
    refused = [call for call in calls if isinstance(call, BaseException)]
    assert refused
    assert all(isinstance(error, Overloaded) for error in refused)
    assert len(calls) - len(refused) >= 2


async def test_triton_rejects_what_waited_too_long(models: TritonModels, raw: Any) -> None:
    """The `timeout` parameter takes a request out of the queue although its gRPC deadline is far away."""
    running = asyncio.create_task(models.infer("slow", pictures(8), 5.0))
    await asyncio.sleep(0.1)
    request = encode_request("slow", pictures(8), timeout_seconds=0.02)
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await raw.ModelInfer(request, timeout=5.0)
    await running
    error = error_of(failed.value.code(), failed.value.details() or "", "slow")
    assert isinstance(error, DeadlineExceeded)


async def test_a_late_answer_is_deadline_exceeded(models: TritonModels) -> None:
    """The caller gets its error when its time is over, not when the model is done."""
    started = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        await models.infer("slow", pictures(1), 0.05)
    assert time.monotonic() - started < 0.2
    await models.infer("slow", pictures(1), 5.0)


async def test_a_cancelled_caller_takes_its_request_out_of_the_queue(models: TritonModels, raw: Any) -> None:
    """What nobody waits for any more is never computed."""
    before = await _settled_statistics(raw, "slow")
    running = asyncio.create_task(models.infer("slow", pictures(8), 5.0))
    await asyncio.sleep(0.1)
    waiting = asyncio.create_task(models.infer("slow", pictures(8), 5.0))
    await asyncio.sleep(0.05)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await running
    await models.infer("slow", pictures(8), 5.0)
    after = await _settled_statistics(raw, "slow")
    assert after.execution_count - before.execution_count == 2


async def test_a_failing_request_is_told_and_the_model_lives_on(models: TritonModels) -> None:
    """An error inside ONNX Runtime is logged with its reason, and the next request is answered."""
    with capture_logs() as log, pytest.raises(Internal, match=r"^model fragile failed$"):
        await models.infer("fragile", np.full((1, SIDE, SIDE, 3), 200, np.uint8), 5.0)
    (line,) = log
    assert (line["event"], line["model"], line["code"]) == ("model_call_failed", "fragile", "INTERNAL")
    assert "out of data bounds" in line["details"]
    [answer] = await models.infer("fragile", np.full((1, SIDE, SIDE, 3), 3, np.uint8), 5.0)
    assert answer.tolist() == [[4.0]]


async def test_pixels_of_another_size_are_refused(models: TritonModels) -> None:
    """Whoever searches can't help it: pixels that the model does not take are a defect of ours."""
    with pytest.raises(Internal, match="embedder"):
        await models.embed(pictures(1, side=SIDE + 1), 5.0)


async def test_an_unknown_model_is_unavailable(models: TritonModels) -> None:
    """So is one that Triton is unloading at its end: both may be there later."""
    with pytest.raises(ModelUnavailable, match="nobody"):
        await models.infer("nobody", pictures(1), 5.0)
    with pytest.raises(ModelUnavailable, match="nobody"):
        await models.describe("nobody")


async def test_no_time_left_is_told_without_a_call(models: TritonModels) -> None:
    """A budget that is used up costs Triton nothing."""
    with pytest.raises(DeadlineExceeded):
        await models.embed(pictures(1), 0.0)


async def test_stop_leaves_nothing_behind(tmp_path: Path) -> None:
    """After the context no process, no shared memory and no server is left."""
    tiny_models.write_model(tmp_path, "embedder", tiny_models.embedder())
    async with running_triton(triton_settings(tmp_path)) as process:
        assert len(_group(process.pid)) == 3
        client = TritonModels(process.command.target)
        await client.embed(pictures(1), 5.0)
    assert process.exit_status == 0
    assert _group(process.pid) == []
    assert _shared_memory(process.command.shm_prefix) == []
    assert not await client.ready()
    with pytest.raises(ModelUnavailable):
        await client.embed(pictures(1), 5.0)
    await client.close()


def test_a_killed_launcher_takes_triton_with_it(tmp_path: Path) -> None:
    """Even SIGKILL of the process that started Triton leaves neither Triton nor its stubs."""
    tiny_models.write_model(tmp_path, "embedder", tiny_models.embedder())
    settings = triton_settings(tmp_path)
    launcher = _launch(settings)
    assert launcher.stderr is not None
    serving = next(event for line in launcher.stderr if (event := _event(line)).get("event") == "serving")
    assert len(_group(serving["pid"])) == 3
    launcher.kill()
    launcher.wait()
    launcher.stderr.close()
    assert _eventually(lambda: _group(serving["pid"]) == [])
    assert _shared_memory(f"aisle_triton_{settings.port}_") == []


def test_the_foreground_launcher_ends_on_sigterm(tmp_path: Path) -> None:
    """`python -m services.models` drains and exits with 0, also when the signal comes before it serves."""
    tiny_models.write_model(tmp_path, "embedder", tiny_models.embedder())
    settings = triton_settings(tmp_path)
    launcher = _launch(settings)
    assert _eventually(lambda: bool(_children(launcher.pid)))
    (triton,) = _children(launcher.pid)
    launcher.send_signal(signal.SIGTERM)
    launcher.communicate(timeout=20)
    assert launcher.returncode == 0
    assert _group(triton) == []


async def test_a_broken_model_file_is_named(tmp_path: Path) -> None:
    """A file that is no model fails the start, with its model's name and ONNX Runtime's reason."""
    tiny_models.write_model(tmp_path, "classifier", tiny_models.classifier(), labels=tiny_models.LABELS)
    folder = tiny_models.write_model(tmp_path, "embedder", tiny_models.embedder())
    settings = triton_settings(tmp_path)
    command, models = await asyncio.to_thread(prepare_triton, settings)
    (folder / "1" / "model.onnx").write_bytes(b"this is no model")
    with pytest.raises(ModelUnavailable, match=r"model embedder: .*model\.onnx") as failed:
        await start_triton(command, models, timeout_seconds=30.0)
    assert "classifier" not in failed.value.message
    assert _children(os.getpid(), f"--grpc-port={settings.port}") == []


async def test_a_wrong_golden_answer_fails_the_start(tmp_path: Path) -> None:
    """A model that answers something else than it is known for is never served, and the message has the figures."""
    folder = tiny_models.write_model(tmp_path, "embedder", tiny_models.embedder())
    golden = json.loads((folder / "golden.json").read_text())
    golden["output"][0] += 0.01
    (folder / "golden.json").write_text(json.dumps(golden))
    with pytest.raises(FailedPrecondition, match=r"embedder: wrong answer .* difference 0\.01 \(tolerance 0\.0001\)"):
        async with running_triton(triton_settings(tmp_path)):
            pytest.fail("served a model that gave a wrong answer")


async def test_the_committed_models_answer_as_in_process(triton: TritonProcess) -> None:
    """The real embedder and classifier, through Triton under concurrent load, against ONNX Runtime in process."""
    client = TritonModels(triton.command.target)
    for name, ask in (("embedder", client.embed), ("classifier", client.classify)):
        info = await client.describe(name)
        batches = [pictures(count, side=info.input_height, seed=count) for count in (1, 3, 1, 2)]
        answers = await asyncio.gather(*(ask(batch, 10.0) for batch in batches))
        file = ROOT / "model_repository" / name / "1" / "model.onnx"
        for batch, answer in zip(batches, answers, strict=True):
            np.testing.assert_allclose(answer, run_in_process(file, batch), atol=1e-5)
    await client.close()


async def _statistics(raw: Any, model: str) -> Any:
    answer = await raw.ModelStatistics(service_pb2.ModelStatisticsRequest(name=model), timeout=5.0)
    return answer.model_stats[0]


async def _settled_statistics(raw: Any, model: str) -> Any:
    """Return a model's statistics once they stand still: Triton counts an execution a moment after it has answered."""
    last = await _statistics(raw, model)
    async with asyncio.timeout(10):
        while True:
            await asyncio.sleep(0.5)
            now = await _statistics(raw, model)
            if now.execution_count == last.execution_count:
                return now
            last = now


def _group(leader: int) -> list[int]:
    """Living processes of a process group, from /proc: pid (comm) state ppid pgrp."""
    return [pid for pid, fields in _processes() if int(fields[2]) == leader and fields[0] != "Z"]


def _children(parent: int, flag: str = "") -> list[int]:
    """Living `tritonserver` processes that a process started."""
    found = [pid for pid, fields in _processes() if int(fields[1]) == parent and fields[0] != "Z"]
    return [pid for pid in found if "tritonserver" in (line := _command_line(pid)) and flag in line]


def _launch(settings: TritonSettings) -> subprocess.Popen[str]:
    flags = ("--environment", settings.environment, "--model-repository", settings.model_repository)
    argv = [sys.executable, "-m", "services.models", *map(str, flags), "--port", str(settings.port)]
    return subprocess.Popen(argv, stderr=subprocess.PIPE, text=True)


def _shared_memory(prefix: str) -> list[Path]:
    return list(Path("/dev/shm").glob(f"{prefix}*"))


def _processes() -> list[tuple[int, list[str]]]:
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            found.append((int(status.parent.name), status.read_text().rpartition(")")[2].split()))
        except OSError:  # it has just ended
            continue
    return found


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def _event(line: str) -> dict[str, Any]:
    """A line of the launcher's log; Triton's own lines between them are no events."""
    try:
        event: dict[str, Any] = json.loads(line)
    except json.JSONDecodeError:
        return {}
    return event


def _eventually(condition: Callable[[], bool], timeout_seconds: float = 15.0) -> bool:
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
