"""Settings of `python -m services.models`."""

from pathlib import Path

from pydantic import Field

from services.common.settings import Settings
from services.models.command import LogLevel


class TritonSettings(Settings):
    """Which models Triton serves, where it listens, and how it starts and ends."""

    model_repository: Path = Path("model_repository")
    """Folder of the models; by default the one of a checkout."""
    environment: Path = Path(".venv-triton")
    """Folder of Triton's own Python environment, made when missing; out of the way of the services' environment."""
    host: str = "127.0.0.1"
    """Address to bind; loopback unless told otherwise, so that nothing is exposed by accident."""
    port: int = Field(default=8001, gt=0, lt=65536)
    """gRPC port; Triton's own default."""
    metrics_port: int = Field(default=0, ge=0, lt=65536)
    """Port of the Prometheus metrics; 0 turns them off."""
    startup_timeout_seconds: float = Field(default=60.0, gt=0)
    """Time to load, warm up and pass the golden check; some 3 s are usual, a cold disk takes longer."""
    drain_seconds: int = Field(default=5, ge=0)
    """Time that inferences in flight get to end; longer than any request's deadline should be."""
    log_level: LogLevel = "warning"
    """Least level of what Triton itself writes: error, warning, info or verbose."""
