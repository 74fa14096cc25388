"""A real Triton for tests: on a free port, checked like in production, stopped at the end."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.models.config import TritonSettings
from services.models.launcher import prepare_triton, start_triton
from services.models.process import TritonProcess

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    """A port that nothing listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def triton_settings(repository: Path, *, metrics_port: int = 0) -> TritonSettings:
    """Settings for tests: the checkout's environment for Triton, and a free port."""
    return TritonSettings(
        model_repository=repository,
        environment=ROOT / ".venv-triton",
        port=free_port(),
        metrics_port=metrics_port,
        drain_seconds=1,
        startup_timeout_seconds=30.0,
    )


@contextmanager
def serving(settings: TritonSettings) -> Iterator[TritonProcess]:
    """Run Triton for the time of the context, with no event loop needed outside its start."""
    command, models = prepare_triton(settings)
    process = asyncio.run(start_triton(command, models, timeout_seconds=settings.startup_timeout_seconds))
    try:
        yield process
    finally:
        process.stop(command.stop_seconds)
