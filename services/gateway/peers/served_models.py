"""Which models each Triton serves, and whether they fit: seen before its first photo and at each reconnection.

Another embedder's vectors would fit the index by their length and find nothing that is right. Another classifier is
taken for what it is: its answer tells which one it was (`model_fit`).
"""

import asyncio
import itertools
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from services.common.errors import DeadlineExceeded, FailedPrecondition, ModelUnavailable
from services.common.telemetry import get_logger
from services.gateway.peers.model_fit import ModelPair, misfit
from services.models.client import TritonModels
from services.models.metadata import CLASSIFIER, EMBEDDER, ModelInfo

_log = get_logger()


@dataclass(frozen=True, slots=True)
class _Look:
    """A model that fits.

    Attributes:
        number: later looks have higher ones.
        connection: over which connection it was looked at.
        info: what it says about itself.
    """

    number: int
    connection: int
    info: ModelInfo


@dataclass(slots=True)
class _Watched:
    """What is known of a Triton from when it joins until it leaves.

    Attributes:
        connection: number of its present connection, or of the loss of the last one; no two Tritons have the same.
        looks: the last one at each model, by name.
        looking: by model, held by who looks.
        watching: its connection.
    """

    connection: int
    watching: asyncio.Task[None]
    looks: dict[str, _Look] = field(default_factory=dict)
    looking: defaultdict[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))

    def seen(self, model: str) -> _Look | None:
        """Return the look at a model over the present connection, if there was one."""
        look = self.looks.get(model)
        return look if look is not None and look.connection == self.connection else None


class ServedModels:
    """Lets only Tritons be asked whose models fit. Make it, use it and close it in one event loop."""

    def __init__(
        self, tritons: Mapping[str, TritonModels], begun_with: ModelPair, on_connected: Callable[[str], None]
    ) -> None:
        """Watch the connections.

        Args:
            tritons: by target; `join` and `leave` tell of changes.
            begun_with: what photos are prepared for, and what others have to fit; until `fit_to` says what is sold,
                that is what this classifier knows.
            on_connected: told the target of a Triton that is connected again.
        """
        self._tritons = tritons
        self._begun_with = {EMBEDDER: begun_with.embedder, CLASSIFIER: begun_with.classifier}
        self._last_seen = dict(self._begun_with)
        self._categories: Callable[[], Collection[str]] = lambda: begun_with.classifier.labels
        self._on_connected = on_connected
        self._numbers = itertools.count(1)
        self._watched: dict[str, _Watched] = {}
        self.join(tritons)

    @property
    def embedder(self) -> ModelInfo:
        """The one whose vectors are searched for."""
        return self._begun_with[EMBEDDER]

    @property
    def classifiers(self) -> tuple[ModelInfo, ...]:
        """Those that serve, the one seen last at the end; more than one while Tritons are replaced one by one."""
        latest_first = {info.sha256: info for info in reversed(self._serving(CLASSIFIER))}
        return tuple(reversed(latest_first.values()))

    @property
    def are_joined(self) -> bool:
        """Whether one model is both, at every Triton, and fits as both."""
        return all(info.joined for model in (EMBEDDER, CLASSIFIER) for info in self._serving(model))

    def fit_to(self, categories: Callable[[], Collection[str]]) -> None:
        """Take only classifiers that know one of the categories that this returns: the served snapshot's."""
        self._categories = categories

    def join(self, targets: Iterable[str]) -> None:
        """Watch more of them, each of which is looked at before it is asked."""
        for target in targets:
            watching = asyncio.create_task(self._watch(target))
            self._watched[target] = _Watched(next(self._numbers), watching)

    def leave(self, targets: Iterable[str]) -> None:
        """Watch some no longer, and forget them: one that comes back may serve other models then."""
        for target in targets:
            self._watched.pop(target).watching.cancel()

    async def look(self, target: str, model: str, timeout_seconds: float) -> ModelInfo:
        """Return what a Triton's model says about itself: at once when it was asked since it was connected.

        Raises:
            ModelUnavailable: it serves one that does not fit, can't be reached, or has left.
            DeadlineExceeded: it did not say in time.
        """
        watched = self._watched.get(target)
        if watched is None:
            raise ModelUnavailable("a Triton has left")
        if (seen := watched.seen(model)) is not None:
            return seen.info
        try:
            async with asyncio.timeout(timeout_seconds), watched.looking[model]:
                if (seen := watched.seen(model)) is not None:
                    return seen.info
                return await self._look(target, watched, model, timeout_seconds)
        except TimeoutError:
            raise DeadlineExceeded(f"a Triton did not say in time which {model} it serves") from None

    def connection(self, target: str) -> int:
        """Return the number of the connection to a Triton, which changes with it; 0 for one that has left."""
        watched = self._watched.get(target)
        return 0 if watched is None else watched.connection

    async def confirm(self, target: str, asked: ModelInfo, connection: int, timeout_seconds: float) -> None:
        """Look once more if a model's answer may have come over another connection than it was looked at over.

        One that is gone since has answered over the old one.

        Raises:
            ModelUnavailable: another model may have answered; or as `look`.
            DeadlineExceeded: as `look`.
        """
        if self.connection(target) in {0, connection} or not self._tritons[target].is_connected:
            return
        now = await self.look(target, asked.name, timeout_seconds)
        if now.sha256 != asked.sha256:
            raise ModelUnavailable(f"a Triton came back with another {asked.name} while it was asked")

    async def close(self) -> None:
        """Watch no longer."""
        tasks = [watched.watching for watched in self._watched.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _serving(self, model: str) -> list[ModelInfo]:
        """Return each Triton's, in the order of the last looks; what was seen last when none is known to serve now."""
        looks = [look for watched in self._watched.values() if (look := watched.seen(model)) is not None]
        return [look.info for look in sorted(looks, key=lambda look: look.number)] or [self._last_seen[model]]

    async def _look(self, target: str, watched: _Watched, model: str, timeout_seconds: float) -> ModelInfo:
        connection = watched.connection
        try:
            info = await self._tritons[target].describe(model, timeout_seconds)
        except FailedPrecondition as unlike:
            raise ModelUnavailable(f"a Triton serves a {model} that is none of ours: {unlike.message}") from None
        if why := misfit(info, self._begun_with[model], self._categories()):
            _log.error("other_model", target=target, model=model, version=info.version, sha256=info.sha256, why=why)
            raise ModelUnavailable(f"a Triton serves another {model}, which does not fit")
        watched.looks[model] = _Look(next(self._numbers), connection, info)
        self._last_seen[model] = info
        return info

    async def _watch(self, target: str) -> None:
        while True:
            await self._tritons[target].disconnected()
            self._watched[target].connection = next(self._numbers)
            await self._tritons[target].connected()
            self._on_connected(target)
