"""TLS at the server: each handshake takes the certificate, key and authorities that the files hold then."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import grpc

from services.common.errors import SettingsInvalid
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
            SettingsInvalid: a file is unusable, or the certificate has expired.
        """

        def read() -> _Identity:
            pair = _in_time(read_key_pair(certificate, key), certificate)
            return _Identity(pair, None if client_ca is None else read_authorities(client_ca, field="tls_client_ca"))

        paths = (certificate, key) if client_ca is None else (certificate, key, client_ca)
        self._identity = Reloading(paths, read)
        self._shown = self._identity.value
        self._asks = client_ca is not None
        self._on_handshake = on_handshake

    @property
    def not_after(self) -> datetime:
        """When the certificate that is shown now expires."""
        return self._current().pair.not_after

    def credentials(self, *, asks_for_certificates: bool = True) -> grpc.ServerCredentials:
        """Return gRPC's credentials for one port of one server.

        Args:
            asks_for_certificates: whether callers have to show one, where authorities are known. gRPC's Python asks
                each caller of a port or none.
        """
        shown = self._current()

        def fetch() -> grpc.ServerCertificateConfiguration | None:
            nonlocal shown
            self._on_handshake()
            self._identity.look()
            current = self._current()
            if current is shown:
                return None  # as before
            shown = current
            return _configuration(shown)

        return grpc.dynamic_ssl_server_credentials(
            _configuration(shown),
            fetch,  # type: ignore[arg-type]  # its stubs lack None
            require_client_authentication=self._asks and asks_for_certificates,
        )

    def _current(self) -> _Identity:
        """Return what is to be shown: what the files hold, but the certificate before as long as that holds only later.

        The authorities don't wait for it: one that was taken out is trusted no more.
        """
        read = self._identity.value
        if read.pair.not_before <= datetime.now(UTC):
            self._shown = read
        elif read.client_authorities != self._shown.client_authorities:
            self._shown = replace(self._shown, client_authorities=read.client_authorities)
        return self._shown


def _in_time(pair: KeyPair, file: Path) -> KeyPair:
    """Return a certificate that has not expired; that one holds only later is said, and is waited for."""
    now = datetime.now(UTC)
    if pair.not_after <= now:
        raise SettingsInvalid(
            f"the certificate in {file} expired on {pair.not_after:%Y-%m-%d}, and no caller accepts it: renew it",
            field="tls_certificate",
        )
    if pair.not_before > now:
        _log.warning("certificate_not_yet_valid", file=str(file), not_before=str(pair.not_before))
    return pair


def _configuration(identity: _Identity) -> grpc.ServerCertificateConfiguration:
    pair = identity.pair
    return grpc.ssl_server_certificate_configuration(
        [(pair.key, pair.chain)], root_certificates=identity.client_authorities
    )
