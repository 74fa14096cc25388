"""The ports beside the one for callers: for operators' tools, and for a cluster's probes."""

from collections.abc import Sequence
from typing import Any, Final

import grpc.aio
from grpc_health.v1 import health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from services.common.channels import server_options
from services.common.interceptors import ErrorInterceptor
from services.common.security.guard import ServerGuard, bound
from services.common.security.settings import SecuritySettings
from services.common.telemetry import get_logger

_log = get_logger()

_HEALTH: Final = "/grpc.health.v1.Health/"


class SidePorts:
    """Servers of their own, so that what they offer can't be asked for at the port for callers."""

    def __init__(self, settings: SecuritySettings, guard: ServerGuard, host: str) -> None:
        """Create it; nothing is bound yet.

        Args:
            settings: which ports.
            guard: stands before the admin port, too.
            host: address of the port for probes.
        """
        self._settings = settings
        self._guard = guard
        self._host = host
        self._servers: list[grpc.aio.Server] = []

    async def start(self, names: Sequence[str], health: Any) -> None:
        """Bind and serve.

        Args:
            names: full names of the services that reflection tells.
            health: the servicer for health checks.

        Raises:
            SettingsInvalid: a port can't be bound.
        """
        settings = self._settings
        if settings.admin_port:
            admits = ErrorInterceptor(lambda: True, self._guard.gatekeeper, guards=_is_no_probe)
            server = grpc.aio.server(options=server_options(), interceptors=(admits,))
            health_pb2_grpc.add_HealthServicer_to_server(health, server)
            reflection.enable_server_reflection((*names, reflection.SERVICE_NAME), server)
            self._guard.bind(server, settings.admin_host, settings.admin_port, field="admin_port")
            await self._serve(server)
            _log.info("admin", host=settings.admin_host, port=settings.admin_port)
        if settings.probe_port:
            server = grpc.aio.server(options=server_options())
            health_pb2_grpc.add_HealthServicer_to_server(health, server)
            bound(server.add_insecure_port, self._host, settings.probe_port, field="probe_port")
            await self._serve(server)
            _log.info("probes", host=self._host, port=settings.probe_port)

    async def stop(self) -> None:
        """Free the ports."""
        for server in self._servers:
            await server.stop(None)

    async def _serve(self, server: grpc.aio.Server) -> None:
        self._servers.append(server)
        await server.start()


def _is_no_probe(method: str) -> bool:
    return not method.startswith(_HEALTH)
