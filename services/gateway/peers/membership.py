"""Whom the gateway talks to: searchers and Tritons, wherever DNS says that they are, as they join and leave.

An address is chosen from only while it is known, so it joins before it is listed and leaves after.
"""

import random
import time
from collections.abc import Callable, Mapping, Sequence

from services.common.security.dialling import Dialler
from services.gateway.peers.addresses import Addresses, Change
from services.gateway.peers.model_fit import ModelPair
from services.gateway.peers.name_service import NameService
from services.gateway.peers.name_watch import NameWatch, WatchRules
from services.gateway.peers.searcher_channels import SearcherChannels
from services.gateway.peers.served_models import ServedModels
from services.gateway.peers.shard_map import ShardMap
from services.gateway.peers.topology import targets_of
from services.gateway.peers.tritons import Tritons
from services.gateway.replicas.choosing import EjectionRules, Replicas, ReplicaState


class SearcherPeers:
    """The searchers of a shard map. Make it, use it and close it in the same event loop.

    Attributes:
        map: per shard's slug the addresses of its replicas, as they are now.
        channels: to all of them.
        replicas: what is known of them.
    """

    def __init__(
        self, shards: Mapping[str, Sequence[str]], service: NameService, rules: WatchRules, dialler: Dialler
    ) -> None:
        """Create it; arguments as those of `ShardMap`, `NameWatch` and `SearcherChannels`."""
        addresses = Addresses(targets_of(shards))
        self.channels = SearcherChannels(dialler, authority_of=addresses.authority_of)
        self.replicas = _replicas(self.channels.is_ready)
        self.map = ShardMap(shards, addresses)
        self._watch = NameWatch(
            addresses, service, on_change=self._changed, is_ready=self.channels.is_ready, rules=rules
        )
        self._changed(Change(joined=addresses.all))

    async def look(self) -> None:
        """Find them, and look for changes from now on."""
        await self._watch.look()

    async def close(self) -> None:
        """Look for changes no more, and close the channels."""
        await self._watch.close()
        await self.channels.close()

    def _changed(self, change: Change) -> None:
        self.channels.leave(change.renamed)  # their channels show the name before, and ask for its certificate
        self.channels.join((*change.joined, *change.renamed))
        self.replicas.add(change.joined)
        self.map.refresh()
        self.replicas.remove(change.left)
        self.channels.leave(change.left)


class TritonPeers:
    """The Tritons. Make it, use it and close it in the same event loop.

    Attributes:
        targets: where they are, as the settings say.
        tritons: a client for each.
        embedding: what is known of them as embedders.
        classifying: what is known of them as classifiers: one can lose one model and keep the other.
    """

    def __init__(self, targets: Sequence[str], service: NameService, rules: WatchRules, dialler: Dialler) -> None:
        """Create it; arguments as those of `Addresses`, `NameWatch` and `Tritons`."""
        self.targets = targets
        addresses = Addresses(targets)
        self.tritons = Tritons(dialler, authority_of=addresses.authority_of)
        self.embedding, self.classifying = _replicas(self.tritons.is_ready), _replicas(self.tritons.is_ready)
        self._models: ServedModels | None = None
        self._watch = NameWatch(
            addresses, service, on_change=self._changed, is_ready=self.tritons.is_ready, rules=rules
        )
        self._changed(Change(joined=addresses.all))

    async def look(self) -> None:
        """Find them, and look for changes from now on."""
        await self._watch.look()

    def begin_with(self, models: ModelPair) -> ServedModels:
        """Return who lets only those be asked whose models fit these."""
        self._models = ServedModels(self.tritons, models, on_connected=self._tried_next)
        return self._models

    def states(self) -> tuple[ReplicaState, ...]:
        """Return what is known of each Triton, by address; it is passed over for each of its models by itself.

        Where one model is both nobody asks for a classifier, so what was known of those before says nothing.
        """
        has_classifier = self._models is None or not self._models.are_joined
        return tuple(
            ReplicaState(
                embedding.target,
                is_ready=embedding.is_ready,
                is_away=embedding.is_away or (classifying.is_away and has_classifier),
                in_flight=embedding.in_flight + classifying.in_flight,
            )
            for embedding, classifying in zip(self.embedding.states(), self.classifying.states(), strict=True)
        )

    async def close(self) -> None:
        """Look for changes no more, and close the clients."""
        await self._watch.close()
        if self._models is not None:
            await self._models.close()
        await self.tritons.close()

    def _changed(self, change: Change) -> None:
        self.tritons.leave(change.renamed)
        self.tritons.join((*change.joined, *change.renamed))
        for replicas in (self.embedding, self.classifying):
            replicas.add(change.joined)
            replicas.remove(change.left)
        if self._models is not None:
            self._models.leave((*change.renamed, *change.left))
            self._models.join((*change.joined, *change.renamed))
        self.tritons.leave(change.left)

    def _tried_next(self, target: str) -> None:
        for replicas in (self.embedding, self.classifying):
            replicas.connected(target)


def _replicas(is_ready: Callable[[str], bool]) -> Replicas:
    lot = random.SystemRandom().random
    return Replicas((), EjectionRules(), clock=time.monotonic, lot=lot, is_ready=is_ready)
