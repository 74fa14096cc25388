"""A gRPC server that lasts: where gRPC's own one ends by itself, the next one takes its ports.

gRPC's server for asyncio (1.85) takes no calls any more, and tells nobody, once something went wrong between two of
them. One call whose path is no UTF-8 is enough, and whoever reaches the port can send it, before it is asked who calls.
Calls in work are answered all the same, those that come in this very moment are cancelled, and the next ones find a new
server in a tenth of a second or two.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import grpc.aio

from services.common.errors import SettingsInvalid
from services.common.retiring import Retiring
from services.common.telemetry import get_logger

_log = get_logger()

_LOOK_SECONDS: Final = 0.1
_GRACE_SECONDS: Final = 40.0
"""For calls of a server that has ended: as long as for those of a connection that has (`server_options`)."""


@dataclass(frozen=True, slots=True)
class Door:
    """A port of a server.

    Attributes:
        bind: binds a server to a port, 0 for any, and returns which it is; raises SettingsInvalid when it can't.
        port: the port that is wanted.
    """

    bind: Callable[[grpc.aio.Server, int], int]
    port: int


class LastingServer:
    """Servers that are alike, one after the other. Make it, use it and close it in the same event loop."""

    def __init__(
        self, make: Callable[[], grpc.aio.Server], register: Callable[[grpc.aio.Server], None], doors: Sequence[Door]
    ) -> None:
        """Create it; nothing is bound yet.

        Args:
            make: returns a server without servicers and ports.
            register: adds the servicers.
            doors: its ports.
        """
        self._make = make
        self._register = register
        self._doors = list(doors)
        self._server: grpc.aio.Server | None = None
        self._watching: asyncio.Task[None] | None = None
        self._retiring = Retiring(_GRACE_SECONDS)

    @property
    def ports(self) -> Sequence[int]:
        """The ports, in the order of the doors; those that were bound, once it has started."""
        return [door.port for door in self._doors]

    async def start(self) -> None:
        """Bind and serve.

        Raises:
            SettingsInvalid: a port can't be bound.
        """
        self._server = await self._started()
        self._watching = asyncio.create_task(self._watch(self._server))

    async def stop(self, grace_seconds: float | None) -> None:
        """Free the ports; calls in work get that long to end, None for not at all. Safe without a start."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        if self._server is not None:
            await self._server.stop(grace_seconds)
        await self._retiring.close()

    async def _started(self) -> grpc.aio.Server:
        server = self._make()
        # For methods that generated code registers, gRPC keeps requests ready, in memory that it frees when its server
        # ends by itself, and writes to afterwards: a dozen such ends make a segmentation fault. Handlers are found by
        # their names all the same.
        server.add_registered_method_handlers = _unregistered  # type: ignore[attr-defined]
        self._register(server)
        self._doors = [Door(door.bind, door.bind(server, door.port)) for door in self._doors]
        await server.start()
        return server

    async def _watch(self, server: grpc.aio.Server) -> None:
        while True:
            try:
                await server.wait_for_termination(_LOOK_SECONDS)  # for ever would be until its last call has ended
            except Exception as defect:  # noqa: BLE001 - whatever it was, callers need a server
                _log.error("server_ended", ports=self.ports, error=type(defect).__name__, goes_on_with="another one")
                self._retiring.retire(lambda ended=server: ended.stop(None))  # type: ignore[misc]
                server = self._server = await self._next()

    async def _next(self) -> grpc.aio.Server:
        """Return the next server; the port is free in a moment, if nobody else takes it."""
        while True:
            with suppress(SettingsInvalid):
                return await self._started()
            await asyncio.sleep(_LOOK_SECONDS)


def _unregistered(service: str, handlers: object) -> None:
    """Leave a service's methods to be found by their names."""
