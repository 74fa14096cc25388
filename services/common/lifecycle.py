"""The one lifecycle of a gRPC process: bind, load, serve, drain, stop."""

import asyncio
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Protocol, TypeVar

import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from pydantic import Field

from services.common.channels import server_options
from services.common.errors import AisleError, SettingsInvalid
from services.common.interceptors import ErrorInterceptor
from services.common.settings import Settings, load_settings
from services.common.telemetry import LogLevel, configure_logging, get_logger

_log = get_logger()

_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Service(Protocol):
    """What a process gives to the lifecycle."""

    @property
    def names(self) -> Sequence[str]:
        """Full names of the gRPC services, as health and reflection know them."""
        ...

    def register(self, server: grpc.aio.Server) -> None:
        """Add the servicers; called before the port is bound."""
        ...

    async def start(self) -> None:
        """Load and warm; when it returns, the process serves. Cancelled when the process is told to end."""
        ...

    def drain(self) -> None:
        """Bring calls that could go on for ever to their end; called before the wait for calls in flight."""
        ...

    async def close(self) -> None:
        """Close clients and executors, in reverse order of their making; safe after a failed `start`."""
        ...


class ServerSettings(Settings):
    """Where a process listens and how it ends."""

    host: str = "127.0.0.1"
    """Address to bind; loopback unless told otherwise, so that nothing is exposed by accident."""
    port: int = Field(default=0, ge=0, le=65535)
    """Port to bind; 0 lets the system choose, and the log says which it was."""
    drain_seconds: float = Field(default=0.2, ge=0, allow_inf_nan=False)
    """Time between saying NOT_SERVING and refusing calls; in a cluster, as long as endpoints take to catch up."""
    grace_seconds: float = Field(default=10.0, ge=0, allow_inf_nan=False)
    """Time that calls in flight get to end; the longest deadline that callers use."""
    log_level: LogLevel = "info"
    """The least level that is written."""


async def run(service: Service, settings: ServerSettings) -> int:
    """Run a service until SIGTERM or SIGINT and return the exit status: 0 drained, 1 could not start.

    The port is bound first and says NOT_SERVING, so probes get an answer while models and shards load; a signal
    during the load cancels it; a signal while serving drains, so that no accepted call is lost.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in _STOP_SIGNALS:
        loop.add_signal_handler(number, stop.set)
    serving = False
    server = grpc.aio.server(options=server_options(), interceptors=(ErrorInterceptor(lambda: serving),))
    health_servicer = health.aio.HealthServicer()  # type: ignore[attr-defined]  # its stubs lack aio
    health_pb2_grpc.add_HealthServicer_to_server(health_servicer, server)
    reflection.enable_server_reflection(
        (*service.names, health_pb2.DESCRIPTOR.services_by_name["Health"].full_name, reflection.SERVICE_NAME),
        server,
    )
    service.register(server)
    await _say(health_servicer, service, _NOT_SERVING)
    try:
        port = _bind(server, settings)
        await server.start()
        _log.info("bound", host=settings.host, port=port)
        if await _start_unless_stopped(service, stop):
            serving = True
            await _say(health_servicer, service, _SERVING)
            _log.info("serving", host=settings.host, port=port)
            await stop.wait()
            _log.info("draining", drain_seconds=settings.drain_seconds, grace_seconds=settings.grace_seconds)
            await _say(health_servicer, service, _NOT_SERVING)
            await asyncio.sleep(settings.drain_seconds)
            service.drain()
    except AisleError as error:
        _log.error("start_failed", reason=error.reason, error=error.message)
        return 1
    finally:
        await server.stop(settings.grace_seconds)
        await service.close()
        for number in _STOP_SIGNALS:
            loop.remove_signal_handler(number)
        _log.info("stopped")
    return 0


async def _say(servicer: Any, service: Service, status: int) -> None:
    for name in ("", *service.names):  # "" starts as SERVING by default, which would be a lie until we are
        await servicer.set(name, status)


def _bind(server: grpc.aio.Server, settings: ServerSettings) -> int:
    address = f"{settings.host}:{settings.port}"
    try:
        return server.add_insecure_port(address)
    except RuntimeError:
        raise SettingsInvalid(
            f"can't bind {address}: another process has the port, or the address is not ours", field="port"
        ) from None


async def _start_unless_stopped(service: Service, stop: asyncio.Event) -> bool:
    """Return True when the service has started, False when a signal came first and cancelled it."""
    starting = asyncio.create_task(service.start())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait((starting, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if starting.done():
        await starting
        return not stop.is_set()
    starting.cancel()
    with suppress(asyncio.CancelledError):
        await starting
    return False


S = TypeVar("S", bound=ServerSettings)


def main(name: str, settings_type: type[S], build: Callable[[S], Service], argv: Sequence[str]) -> int:
    """Run a process from its command line to its exit status: 2 for unusable settings, else as `run`.

    Args:
        name: the process's name, for its settings' prefix and its logs.
        settings_type: what it can be told.
        build: makes the service from its settings; called inside the event loop, as gRPC's objects need it.
        argv: the command line without the program's name.
    """
    try:
        settings = load_settings(settings_type, name, argv)
    except SettingsInvalid as invalid:
        print(f"{name}: {invalid.message}", file=sys.stderr)  # noqa: T201 - logs are not set up yet
        return 2
    configure_logging(name, settings.log_level)
    _log.info("settings", **settings.model_dump(mode="json"))

    async def build_and_run() -> int:
        return await run(build(settings), settings)

    return asyncio.run(build_and_run())
