"""What can be searched of a snapshot, given the models and searchers: at the start, and at each switch."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from services.common.errors import SettingsInvalid, SpaceMismatch
from services.common.telemetry import get_logger
from services.gateway.answering.catalog import Catalog
from services.gateway.answering.classifier_remarks import remark_on
from services.models.metadata import ModelInfo
from services.photo.intake import PREPROCESSING
from services.snapshot.manifest import Manifest

_log = get_logger()


class ServingModels(Protocol):
    """The models that serve, as `services.gateway.peers.served_models.ServedModels`."""

    @property
    def embedder(self) -> ModelInfo:
        """The one whose vectors are searched for."""
        ...

    @property
    def classifiers(self) -> tuple[ModelInfo, ...]:
        """At least one; snapshots are shown to the last."""
        ...


class Catalogs:
    """Reads snapshots, and refuses those that can't be served."""

    def __init__(
        self, read: Callable[[str], Manifest], models: ServingModels, topology: Mapping[str, Sequence[str]]
    ) -> None:
        """Create it.

        Args:
            read: reads the manifest of a snapshot, given its id; blocking.
            models: what serves; it may change.
            topology: per shard's slug the targets of its searchers; they may change.
        """
        self._read = read
        self._models = models
        self._topology = topology

    async def of(self, snapshot_id: str) -> Catalog:
        """Return what can be searched of a snapshot, and log what of it can't be reached.

        Raises:
            SpaceMismatch: the embedder that serves is not the one that the snapshot was built with, or a model wants
                pixels that this release does not make.
            SettingsInvalid: the classifier knows no category of the snapshot, or the shard map none of its shards.
            AisleError: its manifest can't be read.
        """
        manifest = await asyncio.to_thread(self._read, snapshot_id)
        embedder, classifier = self._models.embedder, self._models.classifiers[-1]
        _check_space(manifest, embedder, classifier)
        catalog = Catalog.of(manifest, classifier)
        _check_labels(catalog)
        self._check_shard_map(manifest)
        remark_on(catalog)
        unserved = [shard.slug for shard in manifest.shards if not self._topology.get(shard.slug)]
        if unserved:
            _log.warning("shards_without_searcher", shards=unserved)
        return catalog

    def _check_shard_map(self, manifest: Manifest) -> None:
        """Refuse a map of another shop's shards: every answer would be empty, and a rollout of the map go through."""
        slugs = [shard.slug for shard in manifest.shards]
        if self._topology.keys().isdisjoint(slugs):
            known = f"its first is {next(iter(self._topology))!r}" if self._topology else "it is empty"
            raise SettingsInvalid(
                f"the shard map has none of the snapshot's shards: {known}, the snapshot's first is {slugs[0]!r}; "
                "write it from this snapshot (`aisle k8s render` does)",
                field="topology",
            )


def _check_space(manifest: Manifest, embedder: ModelInfo, classifier: ModelInfo) -> None:
    if embedder.space.space_id != manifest.space_id:
        raise SpaceMismatch(
            f"snapshot {manifest.snapshot_id} holds vectors of space {manifest.space_id} "
            f"({manifest.embedder.version}), but Triton serves space {embedder.space.space_id} ({embedder.version}); "
            "index the catalogue again, or serve the embedder that it was built with and restart the gateways"
        )
    for model in (embedder, classifier):
        if model.preprocessing != PREPROCESSING:
            raise SpaceMismatch(
                f"model {model.name} wants preprocessing {model.preprocessing!r}; this release does {PREPROCESSING!r}"
            )


def _check_labels(catalog: Catalog) -> None:
    classifier, unroutable = catalog.classifier, catalog.unroutable
    if len(unroutable) == len(catalog.shards):
        raise SettingsInvalid(
            f"the classifier ({classifier.version}) knows none of the snapshot's categories; "
            f"the snapshot's first is {unroutable[0]!r}, the classifier's {classifier.labels[0]!r}"
        )
