"""TLS at the server: each handshake takes the certificate, key and authorities that the files hold then."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import grpc

from services.common.security.certificates import KeyPair, read_authorities, read_key_pair
from services.common.security.files import Reloading
from services.common.telemetry import get_logger

_log = get_logger()


@dataclass(frozen=True, slots=True)
class _Identity:
    pair: KeyPair
    client_authorities: bytes | None


class ServerTls:
    """A server's certificate, and whose certificates it asks for. Its methods may be called from any thread."""

    def __init__(
        self,
        certificate: Path,
        key: Path,
        client_ca: Path | None,
        on_handshake: Callable[[], None] = lambda: None,
    ) -> None:
        """Read the files.

        Args:
            certificate: PEM file, the authorities after the certificate.
            key: PEM file.
            client_ca: PEM file with the authorities whose certificates callers must have; None to ask for none.
            on_handshake: called when one begins, in gRPC's threads. One that fails is seen nowhere else: gRPC closes
                the connection before there is a call.

        Raises:
            SettingsInvalid: a file is unusable.
        """

        def read() -> _Identity:
            authorities = None if client_ca is None else read_authorities(client_ca, field="tls_client_ca")
            return _Identity(read_key_pair(certificate, key), authorities)

        paths = (certificate, key) if client_ca is None else (certificate, key, client_ca)
        self._identity = Reloading(paths, read)
        self._asks = client_ca is not None
        self._on_handshake = on_handshake
        if self._identity.value.pair.has_expired():
            _log.warning("certificate_expired", file=str(certificate), not_after=str(self.not_after))

    @property
    def not_after(self) -> datetime:
        """When the certificate that is shown now expires."""
        return self._identity.value.pair.not_after

    def credentials(self) -> grpc.ServerCredentials:
        """Return gRPC's credentials for one port."""
        shown = self._identity.value

        def fetch() -> grpc.ServerCertificateConfiguration | None:
            nonlocal shown
            self._on_handshake()
            self._identity.look()
            if self._identity.value is shown:
                return None  # as before
            shown = self._identity.value
            return _configuration(shown)

        return grpc.dynamic_ssl_server_credentials(
            _configuration(shown),
            fetch,  # type: ignore[arg-type]  # its stubs lack None
            require_client_authentication=self._asks,
        )


def _configuration(identity: _Identity) -> grpc.ServerCertificateConfiguration:
    pair = identity.pair
    return grpc.ssl_server_certificate_configuration(
        [(pair.key, pair.chain)], root_certificates=identity.client_authorities
    )
