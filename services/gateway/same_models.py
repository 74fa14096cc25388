"""Whether a Triton serves the models that the gateway began with: seen before its first photo and at each reconnection.

Another embedder's vectors would fit the index by their length and find nothing that is right.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping

from services.common.errors import DeadlineExceeded, FailedPrecondition, ModelUnavailable
from services.common.telemetry import get_logger
from services.models.client import TritonModels

_log = get_logger()


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
        self._disconnections = Counter[str]()
        self._seen: dict[tuple[str, str], int] = {}  # by target and model, at which disconnection
        self._looking: defaultdict[tuple[str, str], asyncio.Lock] = defaultdict(asyncio.Lock)
        self._watching: dict[str, asyncio.Task[None]] = {}
        self.join(tritons)

    def join(self, targets: Iterable[str]) -> None:
        """Watch more of them, each of which is looked at before it is asked."""
        for target in targets:
            self._disconnections[target] += 1  # one that was here before may serve other models now
            self._watching[target] = asyncio.create_task(self._watch(target))

    def leave(self, targets: Iterable[str]) -> None:
        """Watch some no longer."""
        for target in targets:
            self._watching.pop(target).cancel()

    async def check(self, target: str, model: str, timeout_seconds: float) -> None:
        """Return at once when a Triton's model was looked at since it was connected; look at it first when not.

        Raises:
            ModelUnavailable: it serves another one, or can't be reached.
            DeadlineExceeded: it did not say in time.
        """
        if self._is_seen(target, model):
            return
        try:
            async with asyncio.timeout(timeout_seconds), self._looking[target, model]:
                if not self._is_seen(target, model):
                    await self._look(target, model, timeout_seconds)
        except TimeoutError:
            raise DeadlineExceeded(f"a Triton did not say in time which {model} it serves") from None

    def connection(self, target: str) -> int:
        """Return the number of the connection to a Triton, which changes with it."""
        return self._disconnections[target]

    async def check_answer(self, target: str, model: str, connection: int, timeout_seconds: float) -> None:
        """Check a Triton's model once more if its answer may have come over another connection than it was asked over.

        One that is gone since has answered over the old one.

        Raises:
            ModelUnavailable, DeadlineExceeded: as `check`.
        """
        if connection != self._disconnections[target] and self._tritons[target].is_connected:
            await self.check(target, model, timeout_seconds)

    async def close(self) -> None:
        """Watch no longer."""
        for task in self._watching.values():
            task.cancel()
        await asyncio.gather(*self._watching.values(), return_exceptions=True)

    def _is_seen(self, target: str, model: str) -> bool:
        return self._seen.get((target, model)) == self._disconnections[target]

    async def _look(self, target: str, model: str, timeout_seconds: float) -> None:
        connection = self._disconnections[target]
        try:
            info = await self._tritons[target].describe(model, timeout_seconds)
        except FailedPrecondition as unlike:
            raise ModelUnavailable(f"a Triton serves a {model} that is none of ours: {unlike.message}") from None
        if info.sha256 != self._sha256_of[model]:
            _log.error("other_model", target=target, model=model, version=info.version, sha256=info.sha256)
            raise ModelUnavailable(f"a Triton serves another {model} than this gateway began with")
        self._seen[target, model] = connection

    async def _watch(self, target: str) -> None:
        while True:
            await self._tritons[target].disconnected()
            self._disconnections[target] += 1
            await self._tritons[target].connected()
            self._on_connected(target)
