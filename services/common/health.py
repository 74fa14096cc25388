"""`grpc.health.v1`: whether a process serves, for those who ask and those who watch.

gRPC's own asyncio servicer forgets all watchers of a service as soon as one of them goes (grpcio-health-checking 1.81):
of two gateways, one that restarts would keep the other from ever hearing that this searcher drains.
"""

import asyncio
from collections.abc import Iterable
from typing import Any, Final

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

LIVENESS: Final = "liveness"
"""Serves as long as the process answers at all, while it loads and drains, too: one that loads is not to be killed."""
SERVICE: Final = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name
_SERVING: Final = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING: Final = health_pb2.HealthCheckResponse.NOT_SERVING
_SERVICE_UNKNOWN: Final = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN

Context = grpc.aio.ServicerContext[Any, Any]


def is_health_check(method: str) -> bool:
    """Return whether a method is of this service, given its full name with the leading slash: it takes no token."""
    return method.startswith(f"/{SERVICE}/")


class HealthServicer(health_pb2_grpc.HealthServicer):  # type: ignore[misc]  # generated, without types
    """Says of all services of a process alike whether they serve. Use it in one event loop."""

    def __init__(self, services: Iterable[str]) -> None:
        """Say NOT_SERVING.

        Args:
            services: full names; the empty one, the process as a whole, and `LIVENESS` are two more.
        """
        self._services = frozenset(("", LIVENESS, *services))
        self._is_serving = False
        self._watching = set[asyncio.Event]()

    def say(self, *, is_serving: bool) -> None:
        """Say whether the process serves; whoever watches is told."""
        self._is_serving = is_serving
        for changed in self._watching:
            changed.set()

    async def Check(  # noqa: N802
        self, request: health_pb2.HealthCheckRequest, context: Context
    ) -> health_pb2.HealthCheckResponse:
        """Tell once; NOT_FOUND for a service that is not here."""
        if request.service not in self._services:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"no service {request.service!r} here")
        return health_pb2.HealthCheckResponse(status=self._status_of(request.service))

    async def Watch(self, request: health_pb2.HealthCheckRequest, context: Context) -> None:  # noqa: N802
        """Tell now and whenever it changes."""
        changed, told = asyncio.Event(), None
        self._watching.add(changed)
        try:
            while True:
                changed.clear()
                status = self._status_of(request.service)
                if status != told:
                    await context.write(health_pb2.HealthCheckResponse(status=status))
                told = status
                await changed.wait()
        finally:
            self._watching.discard(changed)

    def _status_of(self, service: str) -> health_pb2.HealthCheckResponse.ServingStatus:
        if service not in self._services:
            return _SERVICE_UNKNOWN
        return _SERVING if self._is_serving or service == LIVENESS else _NOT_SERVING
