"""What stands before a server: its TLS, and the gatekeeper, as the settings want them."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

import grpc
import grpc.aio

from services.common.errors import SettingsInvalid
from services.common.lasting_server import Door
from services.common.periodic import again_and_again
from services.common.security.access import Access
from services.common.security.files import Reloading, read_file
from services.common.security.gatekeeper import AccessRecord, Gatekeeper
from services.common.security.server_tls import ServerTls
from services.common.security.settings import SecuritySettings, is_loopback
from services.common.telemetry import get_logger

_log = get_logger()

_LOOK_SECONDS: Final = 1.0


class GuardRecord(AccessRecord, Protocol):
    """Hears of who calls, of handshakes, and of the certificate."""

    def handshake(self) -> None:
        """Count a TLS handshake that begins; may be called in any thread."""
        ...

    def certificate(self, not_after: float) -> None:
        """Note when the server's certificate expires, in seconds since 1970."""
        ...


class _Unheard:
    """Hears nothing."""

    def came(self, caller: str, outcome: str) -> None:
        """Hear nothing."""

    def handshake(self) -> None:
        """Hear nothing."""

    def certificate(self, not_after: float) -> None:
        """Hear nothing."""


@dataclass(frozen=True, slots=True)
class SecurityFiles:
    """What the files hold that a server's settings name.

    Attributes:
        tls: its certificate, and whose certificates it asks for; None without TLS.
        access: who may call; None when anybody may.
    """

    tls: ServerTls | None
    access: Reloading[Access] | None


def read_security_files(settings: SecuritySettings, on_handshake: Callable[[], None] = lambda: None) -> SecurityFiles:
    """Read them; in any thread.

    Args:
        settings: of the process.
        on_handshake: as of `ServerTls`.

    Raises:
        SettingsInvalid: a file can't be read, or what it holds is unusable.
    """
    tls = access = None
    if settings.tls_certificate is not None and settings.tls_key is not None:
        tls = ServerTls(settings.tls_certificate, settings.tls_key, settings.tls_client_ca, on_handshake)
    if (path := settings.access_file) is not None:
        access = Reloading((path,), lambda: Access.from_text(read_file(path, field="access_file"), str(path)))
    return SecurityFiles(tls, access)


class ServerGuard:
    """Has the ports, with TLS or without, and the gatekeeper. Make it, use it and close it in the same event loop.

    Attributes:
        gatekeeper: asks who calls; None when anybody may.
    """

    def __init__(self, settings: SecuritySettings, record: GuardRecord | None = None) -> None:
        """Read the files that the settings name.

        Args:
            settings: of the process.
            record: hears of calls and handshakes; None when nobody would read it.

        Raises:
            SettingsInvalid: as `read_security_files`.
        """
        self._record = record or _Unheard()
        self._token_port = settings.token_port
        held = read_security_files(settings, self._record.handshake)
        self._tls, self._access = held.tls, held.access
        self.gatekeeper: Gatekeeper | None = None
        if self._access is not None:
            _warn_of_unreachable(self._access.value, asks_for_certificates=settings.tls_client_ca is not None)
            self.gatekeeper = Gatekeeper(self._access, self._record, time.monotonic)
        self._looking: asyncio.Task[None] | None = None

    def doors(self, host: str, port: int) -> Sequence[Door]:
        """Return the ports for callers: the one, and the one for those with a token only, where it is wanted."""
        doors = [self.door(host, port, field="port")]
        if self._token_port:
            doors.append(self.door(host, self._token_port, field="token_port", asks_for_certificates=False))
        return doors

    def door(self, host: str, port: int, *, field: str, asks_for_certificates: bool = True) -> Door:
        """Return a port that is guarded.

        Args:
            host: address to bind.
            port: 0 for any.
            field: the setting that names the port, for the error when another process has it.
            asks_for_certificates: whether callers have to show one, where authorities for that are known.
        """
        if self._tls is not None:
            credentials = partial(self._tls.credentials, asks_for_certificates=asks_for_certificates)
            return Door(partial(_bind_with_tls, credentials, host, field), port)
        if not is_loopback(host):
            _log.warning(
                "serves_without_tls",
                host=host,
                advice="whoever is on the way reads photos, answers and tokens, unless a mesh encrypts them: "
                "--tls-certificate and --tls-key, see docs/security.md",
            )
        return plain_door(host, port, field=field)

    def start(self) -> None:
        """Look for changes from now on; certificates are looked at by each handshake."""
        self._looking = asyncio.create_task(again_and_again("security_files", self._look, _LOOK_SECONDS))

    async def close(self) -> None:
        """Look for changes no more."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    async def _look(self) -> None:
        if self._access is not None:
            await asyncio.to_thread(self._access.look)
        if self._tls is not None:
            self._record.certificate(self._tls.not_after.timestamp())


def plain_door(host: str, port: int, *, field: str) -> Door:
    """Return a port without TLS; arguments as those of `ServerGuard.door`."""
    return Door(partial(_bind_plainly, host, field), port)


def _bind_with_tls(
    credentials: Callable[[], grpc.ServerCredentials], host: str, field: str, server: grpc.aio.Server, port: int
) -> int:
    own = credentials()  # of each server: what credentials begin with gRPC hands out once
    return _bound(lambda address: server.add_secure_port(address, own), host, port, field)


def _bind_plainly(host: str, field: str, server: grpc.aio.Server, port: int) -> int:
    return _bound(server.add_insecure_port, host, port, field)


def _bound(bind: Callable[[str], int], host: str, port: int, field: str) -> int:
    address = f"{host}:{port}"
    try:
        return bind(address)
    except RuntimeError:
        raise SettingsInvalid(
            f"can't bind {address}: another process has the port, or the address is not ours", field=field
        ) from None


def _warn_of_unreachable(access: Access, *, asks_for_certificates: bool) -> None:
    if asks_for_certificates:
        return
    names = [caller.name for caller in access.callers if not caller.tokens]
    if names:
        _log.warning(
            "callers_without_token", callers=names, advice="certificates are not asked for: --tls-client-ca says whose"
        )
