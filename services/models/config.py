"""Settings of `python -m services.models`."""

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from services.common.security.settings import check_tls
from services.common.settings import Settings
from services.models.command import LogLevel, TritonTls


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
    tls_certificate: Path | None = None
    """PEM file with Triton's certificate, its authorities after it; callers then have to speak TLS. Triton reads it
    when it starts and never again: a new one takes a restart."""
    tls_key: Path | None = None
    """PEM file with its key, not encrypted."""
    tls_client_ca: Path | None = None
    """PEM file with the authorities whose certificates callers must have; None to ask for none. Triton's own must be of
    them, too: it is asked for the golden answers before anybody else may use it."""
    metrics_port: int = Field(default=0, ge=0, lt=65536)
    """Port of the Prometheus metrics; 0 turns them off."""
    startup_timeout_seconds: float = Field(default=60.0, gt=0)
    """Time to load, warm up and pass the golden check; some 3 s are usual, a cold disk takes longer."""
    drain_seconds: int = Field(default=5, ge=0)
    """Time that inferences in flight get to end; longer than any request's deadline should be."""
    log_level: LogLevel = "warning"
    """Least level of what Triton itself writes: error, warning, info or verbose."""

    @property
    def tls(self) -> TritonTls | None:
        """Its certificate, and whose it asks for."""
        if self.tls_certificate is None or self.tls_key is None:
            return None
        return TritonTls(self.tls_certificate, self.tls_key, self.tls_client_ca)

    @model_validator(mode="after")
    def _belong_together(self) -> Self:
        check_tls(self.tls_certificate, self.tls_key, self.tls_client_ca)
        return self
