"""How each process of the system is run."""

import sys
from collections.abc import Sequence
from pathlib import Path

from services.cli.supervising.processes import Kind, ProcessSpec
from services.models.child_processes import tied_to_parent
from services.snapshot.manifest import BASELINE_SLUG


def triton_spec(model_repository: Path, environment: Path, port: int, start_timeout_seconds: float) -> ProcessSpec:
    """Return how to run Triton, through the launcher that says it serves when it has given the golden answers.

    Args:
        model_repository: folder of the models.
        environment: folder of Triton's own Python environment.
        port: for gRPC.
        start_timeout_seconds: how long it may take until it serves.
    """
    arguments = (
        *("--model-repository", str(model_repository.absolute()), "--environment", str(environment.absolute())),
        *("--startup-timeout-seconds", str(start_timeout_seconds)),
    )
    return _spec("triton", Kind.TRITON, "services.models", port, arguments)


def searcher_spec(snapshot_root: str, snapshot_id: str, slugs: Sequence[str], port: int) -> ProcessSpec:
    """Return how to run the searcher of some shards; without a snapshot id it follows the current one."""
    arguments = ("--snapshot-root", snapshot_root, "--snapshot-id", snapshot_id, "--shards", ",".join(slugs))
    return _service_spec(searcher_name(slugs), Kind.SEARCHER, port, arguments)


def searcher_name(slugs: Sequence[str]) -> str:
    """Return the name of the searcher of these shards: the first one's, and how many more there are."""
    first = "baseline" if slugs[0] == BASELINE_SLUG else slugs[0]
    return f"searcher-{first}" + (f"+{len(slugs) - 1}" if len(slugs) > 1 else "")


def gateway_spec(snapshot_root: str, snapshot_id: str, topology: Path, triton: str, port: int) -> ProcessSpec:
    """Return how to run the gateway; `topology` is its shard map, `triton` Triton's `host:port`.

    Without a snapshot id it follows the current one.
    """
    arguments = (
        *("--snapshot-root", snapshot_root, "--snapshot-id", snapshot_id),
        *("--topology", str(topology), "--triton", triton),
    )
    return _service_spec("gateway", Kind.GATEWAY, port, arguments)


def _service_spec(name: str, kind: Kind, port: int, arguments: Sequence[str]) -> ProcessSpec:
    # We learn that it serves from its log, which at a higher level would not say so.
    return _spec(name, kind, f"services.{kind}", port, (*arguments, "--log-level", "info"))


def _spec(name: str, kind: Kind, module: str, port: int, arguments: Sequence[str]) -> ProcessSpec:
    argv = (sys.executable, "-m", module, "--port", str(port), *arguments)
    return ProcessSpec(name, kind, tied_to_parent(argv), f"127.0.0.1:{port}")
