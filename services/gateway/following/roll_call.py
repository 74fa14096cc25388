"""Asking every searcher what it serves: before a switch, and before a gateway's first photo."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from services.common.errors import AisleError, SnapshotMismatch
from services.gateway.following.readiness import Readiness, readiness_of
from services.gateway.peers.topology import targets_of
from services.snapshot.manifest import Manifest

_ANSWER_SECONDS: Final = 1.0


class Describing(Protocol):
    """The searchers, as `services.gateway.peers.searcher_client.SearcherClient`."""

    async def describe(
        self, target: str, snapshot_id: str, *, used_snapshot_id: str, timeout_seconds: float
    ) -> frozenset[str]:
        """Return the slugs that a searcher serves of a snapshot, and have it keep the one that is used.

        Raises:
            SnapshotMismatch: it does not serve the snapshot; the message says why.
            AisleError: it does not answer.
        """
        ...

    async def snapshot_ids(self, target: str, timeout_seconds: float) -> tuple[str, ...]:
        """Return the snapshots that a searcher serves; raise AisleError when it does not answer."""
        ...


@dataclass(frozen=True, slots=True)
class Answers:
    """What the searchers said about one snapshot.

    Attributes:
        served: by target the slugs that it serves of it, None when it does not serve it; those that did not answer are
            missing.
        why_not: by target why it does not serve it, or why it did not answer.
    """

    served: Mapping[str, frozenset[str] | None]
    why_not: Mapping[str, str]


class RollCall:
    """Asks all searchers of a shard map at once."""

    def __init__(self, searchers: Describing, topology: Mapping[str, Sequence[str]]) -> None:
        """Create it.

        Args:
            searchers: whom to ask.
            topology: per shard's slug the addresses of its searchers; they may change.
        """
        self._searchers = searchers
        self._topology = topology

    async def ask(self, snapshot_id: str, *, used_snapshot_id: str = "") -> Answers:
        """Ask for a snapshot, and have the searchers keep the one that is used."""
        served: dict[str, frozenset[str] | None] = {}
        why_not: dict[str, str] = {}

        async def ask_one(target: str) -> None:
            try:
                served[target] = await self._searchers.describe(
                    target, snapshot_id, used_snapshot_id=used_snapshot_id, timeout_seconds=_ANSWER_SECONDS
                )
            except SnapshotMismatch as lacking:
                served[target], why_not[target] = None, lacking.message
            except AisleError as lost:
                why_not[target] = lost.message

        await asyncio.gather(*(ask_one(target) for target in targets_of(self._topology)))
        return Answers(served, why_not)

    def readiness(self, manifest: Manifest, answers: Answers) -> Readiness:
        """Return what speaks against a switch to a snapshot, given what was said about it."""
        return readiness_of([shard.slug for shard in manifest.shards], self._topology, answers.served)

    async def is_loaded(self, manifest: Manifest) -> bool:
        """Return whether a snapshot has every shard of which a searcher answers."""
        return not self.readiness(manifest, await self.ask(manifest.snapshot_id)).not_loaded

    async def served_ids(self) -> frozenset[str]:
        """Return the snapshots that any searcher serves."""

        async def of(target: str) -> tuple[str, ...]:
            try:
                return await self._searchers.snapshot_ids(target, _ANSWER_SECONDS)
            except AisleError:
                return ()

        each = await asyncio.gather(*(of(target) for target in targets_of(self._topology)))
        return frozenset(snapshot_id for ids in each for snapshot_id in ids)
