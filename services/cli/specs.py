"""How each process of the system is run, and how one sees that it serves."""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.cli.processes import Kind, ProcessSpec
from services.common.channels import channel_options
from services.models.child_processes import tied_to_parent
from services.models.client import TritonModels
from services.models.command import TritonCommand
from services.models.process import remove_shared_memory
from services.models.repository import RepositoryModel
from services.models.start_failure import explain_failure
from services.models.verification import verify_models
from services.snapshot.manifest import BASELINE_SLUG

_CHECK_TIMEOUT_SECONDS = 1.0


def triton_spec(command: TritonCommand, models: Sequence[RepositoryModel]) -> ProcessSpec:
    """Return how to run Triton; it serves when it has given the golden answers.

    Args:
        command: from `services.models.launcher.prepare_triton`.
        models: what it must serve, from there too.
    """
    return ProcessSpec(
        name="triton",
        kind=Kind.TRITON,
        argv=command.argv,
        address=command.target,
        is_ready=partial(_is_verified, command.target, models),
        environment=command.environment,
        explain=explain_failure,
        clean_up=partial(remove_shared_memory, command),
    )


def searcher_spec(snapshot_root: str, snapshot_id: str, slugs: Sequence[str], port: int) -> ProcessSpec:
    """Return how to run the searcher of some shards."""
    return _service_spec(
        searcher_name(slugs),
        Kind.SEARCHER,
        port,
        ("--snapshot-root", snapshot_root, "--snapshot-id", snapshot_id, "--shards", ",".join(slugs)),
    )


def searcher_name(slugs: Sequence[str]) -> str:
    """Return the name of the searcher of these shards: the first one's, and how many more there are."""
    first = "baseline" if slugs[0] == BASELINE_SLUG else slugs[0]
    return f"searcher-{first}" + (f"+{len(slugs) - 1}" if len(slugs) > 1 else "")


def gateway_spec(snapshot_root: str, snapshot_id: str, topology: Path, triton: str, port: int) -> ProcessSpec:
    """Return how to run the gateway; `topology` is its shard map, `triton` Triton's `host:port`."""
    return _service_spec(
        "gateway",
        Kind.GATEWAY,
        port,
        (
            *("--snapshot-root", snapshot_root, "--snapshot-id", snapshot_id),
            *("--topology", str(topology), "--triton", triton),
        ),
    )


def _service_spec(name: str, kind: Kind, port: int, arguments: Sequence[str]) -> ProcessSpec:
    address = f"127.0.0.1:{port}"
    argv = (sys.executable, "-m", f"services.{kind}", "--port", str(port), *arguments)
    return ProcessSpec(name, kind, tied_to_parent(argv), address, is_ready=partial(says_serving, address))


async def says_serving(address: str) -> bool:
    """Return whether the health service at `address` says SERVING."""
    async with grpc.aio.insecure_channel(address, options=channel_options()) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        try:
            response = await stub.Check(health_pb2.HealthCheckRequest(), timeout=_CHECK_TIMEOUT_SECONDS)
        except grpc.aio.AioRpcError:
            return False
        return bool(response.status == health_pb2.HealthCheckResponse.SERVING)


async def _is_verified(target: str, models: Sequence[RepositoryModel]) -> bool:
    triton = TritonModels(target)
    try:
        if not await triton.ready():
            return False
        await verify_models(models, triton)
    finally:
        await triton.close()
    return True
