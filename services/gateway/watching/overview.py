"""What the gateway sees behind it, gathered for operators: replicas, shards, snapshots, how it fares. Knows no gRPC."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from services.common.admission import Admission
from services.common.errors import AisleError
from services.gateway.answering.catalog import Catalog
from services.gateway.answering.ladder import Ladder
from services.gateway.answering.query import ModelVersion, Rung
from services.gateway.peers.membership import SearcherPeers, TritonPeers
from services.gateway.replicas.choosing import ReplicaState
from services.gateway.watching.recent_answers import Recent, RecentAnswers

_ANSWER_SECONDS: Final = 1.0


class Serving(Protocol):
    """What answers photos, as `services.gateway.answering.search.PhotoSearch`."""

    @property
    def catalog(self) -> Catalog:
        """What is searched for the next photo."""
        ...

    @property
    def versions(self) -> tuple[ModelVersion, ...]:
        """The embedder, and the classifiers that serve."""
        ...


class Telling(Protocol):
    """The searchers, as `services.gateway.peers.searcher_client.SearcherClient`."""

    async def snapshot_ids(self, target: str, timeout_seconds: float) -> tuple[str, ...]:
        """Return the snapshots that a searcher serves; raise AisleError when it does not say."""
        ...


@dataclass(frozen=True, slots=True)
class SeenReplica:
    """A replica.

    Attributes:
        state: what is known of it.
        snapshot_ids: what it serves; empty for a Triton.
        problem: why it did not say; empty when it did.
    """

    state: ReplicaState
    snapshot_ids: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything.

    Attributes:
        catalog: what photos are answered from.
        published_id: what CURRENT names; empty when it is not followed, or can't be read.
        versions: the models.
        tritons: all of them.
        searchers: all of them.
        addresses: by slug, of a shard's replicas.
        rung: for a photo that came now.
        in_flight: photos in work.
        limit: photos that may be.
        waiting: photos that wait for their turn.
        recent: the last minute.
    """

    catalog: Catalog
    published_id: str
    versions: tuple[ModelVersion, ...]
    tritons: Sequence[SeenReplica]
    searchers: Sequence[SeenReplica]
    addresses: Mapping[str, Sequence[str]]
    rung: Rung
    in_flight: int
    limit: int
    waiting: int
    recent: Recent


class Overview:
    """Looks at everything when it is asked."""

    def __init__(
        self,
        *,
        serving: Serving,
        tritons: TritonPeers,
        searching: SearcherPeers,
        telling: Telling,
        published_id: Callable[[], Awaitable[str]] | None,
        admission: Admission,
        ladder: Ladder,
        recent: RecentAnswers,
        clock: Callable[[], float],
    ) -> None:
        """Create it.

        Args:
            serving: what answers photos.
            tritons: the Tritons.
            searching: the searchers.
            telling: asks searchers what they serve.
            published_id: reads CURRENT; None when it is not followed.
            admission: who is in work, and who waits.
            ladder: how far the service has degraded.
            recent: the last photos.
            clock: seconds, monotonic.
        """
        self._serving = serving
        self._tritons = tritons
        self._searching = searching
        self._telling = telling
        self._published_id = published_id
        self._admission = admission
        self._ladder = ladder
        self._recent = recent
        self._clock = clock

    async def look(self) -> Seen:
        """Return what there is now; searchers get a second to say what they serve."""
        searchers, published_id = await asyncio.gather(
            asyncio.gather(*map(self._searcher, self._searching.replicas.states())), self._published()
        )
        catalog, now = self._serving.catalog, self._clock()
        return Seen(
            catalog=catalog,
            published_id=published_id,
            versions=self._serving.versions,
            tritons=[SeenReplica(state) for state in self._tritons.states()],
            searchers=searchers,
            addresses={shard.slug: self._searching.map.get(shard.slug, ()) for shard in catalog.manifest.shards},
            rung=self._ladder.would_be(self._admission.pressure(now), now),
            in_flight=self._admission.in_flight,
            limit=self._admission.limit,
            waiting=self._admission.waiting,
            recent=self._recent.recent(),
        )

    async def _searcher(self, state: ReplicaState) -> SeenReplica:
        try:
            return SeenReplica(state, await self._telling.snapshot_ids(state.target, _ANSWER_SECONDS))
        except AisleError as lost:
            return SeenReplica(state, problem=f"{lost.reason}: {lost.message}")

    async def _published(self) -> str:
        if self._published_id is None:
            return ""
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                return await self._published_id()
        except (AisleError, TimeoutError):
            return ""
