"""The ports beside the one for callers: for operators' tools, and for a cluster's probes."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import grpc.aio
from grpc_health.v1 import health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from services.common.channels import server_options
from services.common.interceptors import ErrorInterceptor
from services.common.lasting_server import Door, LastingServer
from services.common.security.guard import ServerGuard, plain_door
from services.common.security.settings import SecuritySettings
from services.common.telemetry import get_logger

_log = get_logger()

_MOST_RECEIVED_BYTES: Final = 65_536
"""Names of services and methods are what is asked here."""


class SidePorts:
    """Servers of their own, so that what they offer can't be asked for at the port for callers."""

    def __init__(
        self, settings: SecuritySettings, guard: ServerGuard, host: str, on_lost: Callable[[], None] = lambda: None
    ) -> None:
        """Create it; nothing is bound yet.

        Args:
            settings: which ports.
            guard: stands before the admin port, too.
            host: address of the port for probes.
            on_lost: called when a port is given up, as by `LastingServer`.
        """
        self._settings = settings
        self._guard = guard
        self._host = host
        self._on_lost = on_lost
        self._servers: list[LastingServer] = []

    async def start(self, names: Sequence[str], health: Any) -> None:
        """Bind and serve.

        Args:
            names: full names of the services that reflection tells.
            health: the servicer for health checks.

        Raises:
            SettingsInvalid: a port can't be bound.
        """
        settings = self._settings

        def probes(server: grpc.aio.Server) -> None:
            health_pb2_grpc.add_HealthServicer_to_server(health, server)

        def admin(server: grpc.aio.Server) -> None:
            probes(server)
            reflection.enable_server_reflection((*names, reflection.SERVICE_NAME), server)

        if settings.admin_port:
            door = self._guard.door(settings.admin_host, settings.admin_port, field="admin_port")
            await self._serve(admin, door, ErrorInterceptor(lambda: True, self._guard.gatekeeper))
            _log.info("admin", host=settings.admin_host, port=settings.admin_port)
        if settings.probe_port:
            await self._serve(probes, plain_door(self._host, settings.probe_port, field="probe_port"))
            _log.info("probes", host=self._host, port=settings.probe_port)

    async def stop(self) -> None:
        """Free the ports."""
        for server in self._servers:
            await server.stop(None)

    async def _serve(
        self, register: Callable[[grpc.aio.Server], None], door: Door, *interceptors: ErrorInterceptor
    ) -> None:
        def make() -> grpc.aio.Server:
            return grpc.aio.server(
                options=server_options(most_received_bytes=_MOST_RECEIVED_BYTES), interceptors=interceptors
            )

        server = LastingServer(make, register, [door], self._on_lost)
        await server.start()
        self._servers.append(server)
