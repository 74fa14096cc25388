"""The one lifecycle of a gRPC process: bind, load, serve, drain, stop."""

import asyncio
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol, TypeVar

import grpc.aio
from grpc_health.v1 import health_pb2_grpc
from pydantic import Field

from services.common.channels import CONNECTION_AGE_SECONDS, server_options
from services.common.errors import AisleError, SettingsInvalid
from services.common.health import SERVICE as HEALTH
from services.common.health import HealthServicer
from services.common.heap import settle_heap
from services.common.interceptors import ErrorInterceptor
from services.common.lasting_server import LastingServer
from services.common.observing import CallRecord, ObservingInterceptor
from services.common.request_log import RequestLog, Which
from services.common.security.guard import ServerGuard
from services.common.security.settings import SecuritySettings
from services.common.security.side_ports import SidePorts
from services.common.settings import load_settings
from services.common.telemetry import LogLevel, configure_logging, get_logger
from services.common.traced_calls import TracingInterceptor
from services.common.tracing import Tracing, tracing_to

_log = get_logger()

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Service(Protocol):
    """What a process gives to the lifecycle."""

    @property
    def names(self) -> Sequence[str]:
        """Full names of the gRPC services, as health and reflection know them."""
        ...

    @property
    def calls(self) -> CallRecord | None:
        """What counts the calls; None when nobody would read it."""
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


class ServerSettings(SecuritySettings):
    """Where a process listens, whom it lets in, and how it ends."""

    host: str = "127.0.0.1"
    """Address to bind; loopback unless told otherwise, so that nothing is exposed by accident."""
    port: int = Field(default=0, ge=0, le=65535)
    """Port to bind; 0 lets the system choose, and the log says which it was."""
    drain_seconds: float = Field(default=0.2, ge=0, allow_inf_nan=False)
    """Time between saying NOT_SERVING and refusing calls; in a cluster, as long as endpoints take to catch up."""
    grace_seconds: float = Field(default=10.0, ge=0, allow_inf_nan=False)
    """Time that calls in flight get to end; the longest deadline that callers use."""
    connection_age_seconds: float = Field(default=CONNECTION_AGE_SECONDS, ge=1, allow_inf_nan=False)
    """How long a caller's connection lasts, a tenth more or less. Callers ask DNS again when one ends: new replicas get
    their share that late, and later by as long as DNS keeps its answers."""
    log_level: LogLevel = "info"
    """The least level that is written."""
    request_log: Which = "notable"
    """Which requests leave a line in the log: `all`, `none`, or those with an error or an answer that lacks something,
    of which five a second of each code are written down in the long run."""
    metrics_port: int = Field(default=0, ge=0, le=65535)
    """Port at which Prometheus finds the metrics, over HTTP; 0 for none: then nothing is counted."""
    metrics_host: str | None = None
    """Address of that port; None for `host`. Whoever reaches it reads them: they ask for no TLS and no token."""
    metrics_shards: int = Field(default=100, ge=1, le=1_000)
    """Shards with figures of their own, at most; the others share those of "other". Each costs Prometheus some twenty
    series."""
    trace_endpoint: str = ""
    """URL of the OpenTelemetry collector that gets the spans, such as http://collector:4317; empty: no traces."""
    trace_share: float = Field(default=0.01, ge=0, le=1)
    """Share of the requests that are traced; those that their caller traces are in any case, once it is let in."""

    @property
    def metrics_address(self) -> str:
        """The address of the port for metrics."""
        return self.metrics_host or self.host


async def run(service: Service, settings: ServerSettings, tracing: Tracing | None = None) -> int:
    """Run a service until SIGTERM or SIGINT and return the exit status: 0 drained, 1 could not start or lost a port.

    The port is bound first and says NOT_SERVING, so probes get an answer while models and shards load; a signal
    during the load cancels it; a signal while serving drains, so that no accepted call is lost.
    """
    stop, is_lost = asyncio.Event(), False

    def lose() -> None:
        nonlocal is_lost
        is_lost = True
        stop.set()

    loop = asyncio.get_running_loop()
    for number in _STOP_SIGNALS:
        loop.add_signal_handler(number, stop.set)
    try:
        await _serve(service, settings, tracing, stop, lose)
    except AisleError as error:
        _log.error("start_failed", reason=error.reason, error=error.message)
        return 1
    finally:
        await service.close()
        for number in _STOP_SIGNALS:
            loop.remove_signal_handler(number)
        _log.info("stopped")
    return 1 if is_lost else 0


async def _serve(
    service: Service,
    settings: ServerSettings,
    tracing: Tracing | None,
    stop: asyncio.Event,
    lose: Callable[[], None],
) -> None:
    serving = False
    guard = ServerGuard(settings, service.calls)
    interceptors: tuple[grpc.aio.ServerInterceptor, ...] = (  # type: ignore[type-arg]  # generic in its stubs only
        ObservingInterceptor(service.calls, RequestLog(settings.request_log)),
        ErrorInterceptor(lambda: serving, guard.gatekeeper),
    )
    if tracing is not None:
        interceptors = (*interceptors, TracingInterceptor(tracing))
    health = HealthServicer(service.names)

    def make() -> grpc.aio.Server:
        options = server_options(settings.connection_age_seconds)
        return grpc.aio.server(options=options, interceptors=interceptors)

    def register(server: grpc.aio.Server) -> None:
        health_pb2_grpc.add_HealthServicer_to_server(health, server)
        service.register(server)

    server = LastingServer(make, register, guard.doors(settings.host, settings.port), lose)
    side_ports = SidePorts(settings, guard, settings.host, lose)
    try:
        await server.start()
        port = server.ports[0]
        _log.info("bound", host=settings.host, port=port)
        if settings.token_port:
            _log.info("tokens", host=settings.host, port=settings.token_port)
        await side_ports.start((*service.names, HEALTH), health)
        guard.start()
        if await _start_unless_stopped(service, stop):
            settle_heap()
            serving = True
            health.say(is_serving=True)
            _log.info("serving", host=settings.host, port=port)
            await stop.wait()
            _log.info("draining", drain_seconds=settings.drain_seconds, grace_seconds=settings.grace_seconds)
            health.say(is_serving=False)
            await asyncio.sleep(settings.drain_seconds)
            service.drain()
    finally:
        await server.stop(settings.grace_seconds)
        await side_ports.stop()
        await guard.close()


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

    try:
        tracing = tracing_to(settings.trace_endpoint, name, settings.trace_share)
    except SettingsInvalid as invalid:
        _log.error("start_failed", reason=invalid.reason, error=invalid.message)
        return 2

    async def build_and_run() -> int:
        return await run(build(settings), settings, tracing)

    try:
        return asyncio.run(build_and_run())
    finally:
        if tracing is not None:
            tracing.close()
