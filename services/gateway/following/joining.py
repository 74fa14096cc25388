"""Joining a snapshot with the models and searchers that are there: at the start, and before each switch."""

from collections.abc import Mapping, Sequence

from services.common.errors import SettingsInvalid, SpaceMismatch
from services.common.telemetry import get_logger
from services.gateway.answering.catalog import Catalog
from services.models.metadata import ModelInfo
from services.photo.intake import PREPROCESSING
from services.snapshot.manifest import Manifest

_log = get_logger()


def join(
    manifest: Manifest, embedder: ModelInfo, classifier: ModelInfo, topology: Mapping[str, Sequence[str]]
) -> Catalog:
    """Return what can be searched of a snapshot, and log what of it can't be reached.

    Args:
        manifest: the snapshot's.
        embedder: the embedder that serves.
        classifier: the classifier that serves.
        topology: per shard's slug the targets of its searchers.

    Raises:
        SpaceMismatch: the snapshot was built with another embedder, or a model wants other pixels than we make.
        SettingsInvalid: the classifier knows no category of the snapshot.
    """
    _check_space(manifest, embedder, classifier)
    catalog = Catalog.join(manifest, classifier.labels, classifier.sha256)
    _check_labels(catalog, classifier)
    if catalog.fusion is None:
        _log.warning(
            "adaptive_is_not_fitted",
            classifier=classifier.version,
            effect="ADAPTIVE searches every shard and ranks by similarity alone",
            remedy="index the catalogue again, with held-out photos, while this classifier serves",
        )
    unserved = [shard.slug for shard in manifest.shards if not topology.get(shard.slug)]
    if unserved:
        _log.warning("shards_without_searcher", shards=unserved)
    return catalog


def _check_space(manifest: Manifest, embedder: ModelInfo, classifier: ModelInfo) -> None:
    if embedder.space.space_id != manifest.space_id:
        raise SpaceMismatch(
            f"snapshot {manifest.snapshot_id} holds vectors of space {manifest.space_id} "
            f"({manifest.embedder.version}), but Triton serves space {embedder.space.space_id} ({embedder.version}); "
            "index the catalogue again, or serve the embedder that it was built with"
        )
    for model in (embedder, classifier):
        if model.preprocessing != PREPROCESSING:
            raise SpaceMismatch(
                f"model {model.name} wants preprocessing {model.preprocessing!r}; this release does {PREPROCESSING!r}"
            )


def _check_labels(catalog: Catalog, classifier: ModelInfo) -> None:
    unroutable = catalog.unroutable
    if len(unroutable) == len(catalog.shards):
        raise SettingsInvalid(
            f"the classifier ({classifier.version}) knows none of the snapshot's categories; "
            f"the snapshot's first is {unroutable[0]!r}, the classifier's {classifier.labels[0]!r}"
        )
    if unroutable:
        _log.warning("categories_unknown_to_classifier", categories=unroutable)
