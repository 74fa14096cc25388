"""Whether a Triton serves the models that the gateway began with: seen before its first photo and at each reconnection.

Another embedder's vectors would fit the index by their length and find nothing that is right.
"""

import asyncio
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from services.common.errors import DeadlineExceeded, FailedPrecondition, ModelUnavailable
from services.common.telemetry import get_logger
from services.models.client import TritonModels

_log = get_logger()


@dataclass(slots=True)
class _Watched:
    """What is known of a Triton from when it joins until it leaves.

    Attributes:
        connection: number of its present connection, or of the loss of the last one; no two Tritons have the same.
        seen: by model, over which connection it was looked at.
        looking: by model, held by who looks.
        watching: its connection.
    """

    connection: int
    watching: asyncio.Task[None]
    seen: dict[str, int] = field(default_factory=dict)
    looking: defaultdict[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))

    def has_seen(self, model: str) -> bool:
        return self.seen.get(model) == self.connection


class SameModels:
    """Lets only Tritons be asked that serve the expected models. Make it, use it and close it in one event loop."""

    def __init__(
        self, tritons: Mapping[str, TritonModels], sha256_of: Mapping[str, str], on_connected: Callable[[str], None]
    ) -> None:
        """Watch the connections.

        Args:
            tritons: by target; `join` and `leave` tell of changes.
            sha256_of: the digest of each expected model's file, by its name.
            on_connected: told the target of a Triton that is connected again.
        """
        self._tritons = tritons
        self._sha256_of = sha256_of
        self._on_connected = on_connected
        self._numbers = itertools.count(1)
        self._watched: dict[str, _Watched] = {}
        self.join(tritons)

    def join(self, targets: Iterable[str]) -> None:
        """Watch more of them, each of which is looked at before it is asked."""
        for target in targets:
            watching = asyncio.create_task(self._watch(target))
            self._watched[target] = _Watched(next(self._numbers), watching)

    def leave(self, targets: Iterable[str]) -> None:
        """Watch some no longer, and forget them: one that comes back may serve other models then."""
        for target in targets:
            self._watched.pop(target).watching.cancel()

    async def check(self, target: str, model: str, timeout_seconds: float) -> None:
        """Return at once when a Triton's model was looked at since it was connected; look at it first when not.

        Raises:
            ModelUnavailable: it serves another one, can't be reached, or has left.
            DeadlineExceeded: it did not say in time.
        """
        watched = self._watched.get(target)
        if watched is None:
            raise ModelUnavailable("a Triton has left")
        if watched.has_seen(model):
            return
        try:
            async with asyncio.timeout(timeout_seconds), watched.looking[model]:
                if not watched.has_seen(model):
                    await self._look(target, watched, model, timeout_seconds)
        except TimeoutError:
            raise DeadlineExceeded(f"a Triton did not say in time which {model} it serves") from None

    def connection(self, target: str) -> int:
        """Return the number of the connection to a Triton, which changes with it; 0 for one that has left."""
        watched = self._watched.get(target)
        return 0 if watched is None else watched.connection

    async def check_answer(self, target: str, model: str, connection: int, timeout_seconds: float) -> None:
        """Check a Triton's model once more if its answer may have come over another connection than it was asked over.

        One that is gone since has answered over the old one.

        Raises:
            ModelUnavailable, DeadlineExceeded: as `check`.
        """
        now = self.connection(target)
        if now not in {0, connection} and self._tritons[target].is_connected:
            await self.check(target, model, timeout_seconds)

    async def close(self) -> None:
        """Watch no longer."""
        tasks = [watched.watching for watched in self._watched.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _look(self, target: str, watched: _Watched, model: str, timeout_seconds: float) -> None:
        connection = watched.connection
        try:
            info = await self._tritons[target].describe(model, timeout_seconds)
        except FailedPrecondition as unlike:
            raise ModelUnavailable(f"a Triton serves a {model} that is none of ours: {unlike.message}") from None
        if info.sha256 != self._sha256_of[model]:
            _log.error("other_model", target=target, model=model, version=info.version, sha256=info.sha256)
            raise ModelUnavailable(f"a Triton serves another {model} than this gateway began with")
        watched.seen[model] = connection

    async def _watch(self, target: str) -> None:
        while True:
            await self._tritons[target].disconnected()
            self._watched[target].connection = next(self._numbers)
            await self._tritons[target].connected()
            self._on_connected(target)
