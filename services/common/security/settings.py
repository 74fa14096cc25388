"""What a process can be told about its callers: its certificate, whose certificates it asks for, and who may call."""

import ipaddress
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from services.common.settings import Settings


class SecuritySettings(Settings):
    """How a process is reached; by default without TLS and by anybody, and on loopback only."""

    tls_certificate: Path | None = None
    """PEM file with the certificate, its authorities after it; callers then have to speak TLS. None where a mesh or
    nobody does. Like all of these files it is read again when it changes."""
    tls_key: Path | None = None
    """PEM file with its key, not encrypted."""
    tls_client_ca: Path | None = None
    """PEM file with the authorities whose certificates callers must have; None to ask for none."""
    token_port: int = Field(default=0, ge=0, le=65535)
    """Second port on `host`, for callers with a token and no certificate, where `tls_client_ca` asks for one at `port`;
    0 for none. It needs an access file, for nothing else tells who calls there."""
    access_file: Path | None = None
    """Who may call, and what (docs/security.md); None for anybody whom the rest lets through."""
    admin_host: str = "127.0.0.1"
    """Address of the admin port; loopback, for what it shows is for those who are on the machine."""
    admin_port: int = Field(default=0, ge=0, le=65535)
    """Port that tells tools which methods there are (gRPC reflection); 0 for none. Where there is an access file it
    asks for the right to operate."""
    probe_port: int = Field(default=0, ge=0, le=65535)
    """Port on `host` for health checks alone, without TLS, for a cluster's probes speak none; 0 for none."""

    @model_validator(mode="after")
    def _belong_together(self) -> Self:
        check_tls(self.tls_certificate, self.tls_key, self.tls_client_ca)
        if self.token_port and self.tls_client_ca is None:
            raise ValueError("token_port is for when tls_client_ca asks for certificates: as it is, port takes tokens")
        if self.token_port and self.access_file is None:
            raise ValueError("token_port lets anybody in without an access_file that says whose tokens open")
        if self.admin_port and self.access_file is None and not is_loopback(self.admin_host):
            raise ValueError(
                f"admin_host {self.admin_host} can be reached from elsewhere: give an access_file that says who may "
                "operate, or leave it on 127.0.0.1"
            )
        return self

    @property
    def has_tls(self) -> bool:
        """Whether callers have to speak TLS."""
        return self.tls_certificate is not None


def check_tls(certificate: Path | None, key: Path | None, client_ca: Path | None) -> None:
    """Check that a server's settings for TLS belong together.

    Raises:
        ValueError: they do not; the message says what is missing.
    """
    if (certificate is None) != (key is None):
        raise ValueError("tls_certificate and tls_key belong together")
    if client_ca is not None and certificate is None:
        raise ValueError("tls_client_ca asks callers for certificates, which takes a tls_certificate of our own")


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        return False
