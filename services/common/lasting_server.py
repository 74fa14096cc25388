"""A gRPC server that lasts: where gRPC's own one ends by itself, the next one takes its ports.

gRPC's server for asyncio (1.85) takes no calls any more, and tells nobody, once something went wrong between two of
them. One call whose path is no UTF-8 is enough, and whoever reaches the port can send it, before it is asked who calls.
Calls in work are answered all the same, those that come in this very moment are cancelled, and the next ones find a new
server in a tenth of a second or two. A process whose port was taken meanwhile, and is not given back, is of no use: its
supervisor can start another one, which it can't as long as this one seems to be well.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import grpc.aio

from services.common.errors import SettingsInvalid
from services.common.retiring import Retiring
from services.common.telemetry import get_logger

_log = get_logger()

_LOOK_SECONDS: Final = 0.1
_GRACE_SECONDS: Final = 40.0
"""For calls of a server that has ended: as long as for those of a connection that has (`server_options`)."""
_PATIENCE_SECONDS: Final = 10.0
"""How long a port is waited for that another process has taken meanwhile."""


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
        self,
        make: Callable[[], grpc.aio.Server],
        register: Callable[[grpc.aio.Server], None],
        doors: Sequence[Door],
        on_lost: Callable[[], None] = lambda: None,
    ) -> None:
        """Create it; nothing is bound yet.

        Args:
            make: returns a server without servicers and ports.
            register: adds the servicers.
            doors: its ports.
            on_lost: called when a server has ended and the next one did not get its ports in time: it is given up.
        """
        self._make = make
        self._register = register
        self._doors = list(doors)
        self._on_lost = on_lost
        self._servers: list[grpc.aio.Server] = []  # not stopped yet; of those that ended, calls may be in work
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
        self._watching = asyncio.create_task(self._watch(await self._started()))

    async def stop(self, grace_seconds: float | None) -> None:
        """Free the ports; calls in work get that long to end, None for not at all. Safe without a start."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        await asyncio.gather(*(server.stop(grace_seconds) for server in self._servers))
        await self._retiring.close()

    async def _started(self) -> grpc.aio.Server:
        server = self._make()
        # For methods that generated code registers, gRPC keeps requests ready, in memory that it frees when its server
        # ends by itself, and writes to afterwards: a dozen such ends make a segmentation fault. Handlers are found by
        # their names all the same.
        server.add_registered_method_handlers = _unregistered  # type: ignore[attr-defined]
        self._register(server)
        try:
            self._doors = [Door(door.bind, door.bind(server, door.port)) for door in self._doors]
        except SettingsInvalid:
            # One that was never started can't be stopped, and would keep the ports that it has got.
            await server.start()
            await server.stop(None)
            raise
        await server.start()
        self._servers.append(server)
        return server

    async def _watch(self, server: grpc.aio.Server) -> None:
        while True:
            try:
                await server.wait_for_termination(_LOOK_SECONDS)  # for ever would be until its last call has ended
            except Exception as defect:  # noqa: BLE001 - whatever it was, callers need a server
                _log.error("server_ended", ports=self.ports, error=type(defect).__name__, goes_on_with="another one")
                self._retiring.retire(partial(self._end, server))
                following = await self._next()
                if following is None:
                    _log.error("server_lost", ports=self.ports, after_seconds=_PATIENCE_SECONDS)
                    self._on_lost()
                    return
                server = following

    async def _end(self, server: grpc.aio.Server) -> None:
        await server.stop(None)
        self._servers.remove(server)

    async def _next(self) -> grpc.aio.Server | None:
        """Return the next server, None when it can't have the ports: they are free in a moment, if nobody takes one."""
        loop = asyncio.get_running_loop()
        until, is_said = loop.time() + _PATIENCE_SECONDS, False
        while loop.time() < until:
            try:
                return await self._started()
            except SettingsInvalid as refused:
                if not is_said:
                    _log.warning("port_refused", error=refused.message, tried_for_seconds=_PATIENCE_SECONDS)
                is_said = True
            await asyncio.sleep(_LOOK_SECONDS)
        return None


def _unregistered(service: str, handlers: object) -> None:
    """Leave a service's methods to be found by their names."""
