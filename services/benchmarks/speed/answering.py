"""All of a photo's work but the models', by function call: decoding, plans, FAISS and merging as in the processes."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.benchmarks.scale.photos import ServedModels
from services.gateway.answering.catalog import Catalog
from services.gateway.answering.merging import Hit, ShardHits, merge_top_k
from services.gateway.answering.plan import Plan, RankedShard
from services.gateway.answering.query import DEFAULT_TOP_K, Query
from services.gateway.answering.routing import plan_with_classifier
from services.gateway.config import GatewaySettings
from services.photo.intake import Pixels, read_photo
from services.searcher.loading import load_shard
from services.searcher.shard import Shard
from services.snapshot.store import SnapshotStore

_TOP_P_MASS: float = GatewaySettings.model_fields["top_p_mass"].default

Found = list[tuple[RankedShard, ShardHits]]
"""What was found for a photo, shard by shard."""


class Answering:
    """What comes before the models and after them, from this process's memory. Safe to use from several threads."""

    def __init__(self, models: ServedModels, snapshot_root: str | Path) -> None:
        """Load the shards; takes seconds.

        Args:
            models: whose inputs are made, and whose answers are understood.
            snapshot_root: its current snapshot is searched.
        """
        store = SnapshotStore(snapshot_root)
        manifest = store.manifest()
        self._sides = [(model.input_height, model.input_width) for model in (models.embedder, models.classifier)]
        self._catalog = Catalog.of(manifest, models.classifier)
        self._shards: Mapping[str, Shard] = {
            entry.slug: load_shard(store, manifest, entry) for entry in manifest.category_shards
        }

    def decoded(self, image: bytes) -> tuple[Pixels, Pixels]:
        """Return the embedder's and the classifier's input, uint8 `(height, width, 3)` each.

        Raises:
            ImageUnreadable, ImageTooLarge: it is no usable photo.
        """
        photo = read_photo(image, least_side=max(max(side) for side in self._sides))
        for_embedder, for_classifier = (photo.pixels(*side) for side in self._sides)
        return for_embedder, for_classifier

    def found(
        self, images: Sequence[bytes], vectors: NDArray[np.float32], probabilities: NDArray[np.float32]
    ) -> list[tuple[Hit, ...]]:
        """Return the best products in each photo, each shard searched once a wave for all photos that want it.

        Args:
            images: n photos.
            vectors: what the embedder made of them, float32 `(n, dimension)`.
            probabilities: what the classifier made of them, float32 `(n, labels)`.
        """
        plans = [
            plan_with_classifier(Query(image), self._catalog, self._catalog.rank(row), _TOP_P_MASS)
            for image, row in zip(images, probabilities, strict=True)
        ]
        found: list[Found] = [[] for _ in plans]
        self._search(vectors, {number: plan.first for number, plan in enumerate(plans)}, found)
        weak = {number: plan.second for number, plan in enumerate(plans) if _is_weak(plan, found[number])}
        if weak:
            self._search(vectors, weak, found)
        return [_merged(plan, each, DEFAULT_TOP_K) for plan, each in zip(plans, found, strict=True)]

    def _search(
        self, vectors: NDArray[np.float32], wanted: Mapping[int, Sequence[RankedShard]], found: Sequence[Found]
    ) -> None:
        askers: dict[str, list[tuple[int, RankedShard]]] = {}
        for number, shards in wanted.items():
            for shard in shards:
                askers.setdefault(shard.slug, []).append((number, shard))
        for slug, those in askers.items():
            hits = self._shards[slug].search(vectors[[number for number, _ in those]], DEFAULT_TOP_K)
            for (number, shard), each in zip(those, hits, strict=True):
                columns = (each.product_ids, each.image_ids, each.image_paths, each.categories)
                similarities = np.array(each.similarities, np.float32)
                found[number].append((shard, ShardHits(*columns, similarities, exhausted=each.exhausted)))


def _is_weak(plan: Plan, found: Found) -> bool:
    if not plan.second:
        return False
    best = _merged(plan, found, 1)
    return plan.continues(best[0].score if best else None)


def _merged(plan: Plan, found: Found, top_k: int) -> tuple[Hit, ...]:
    return merge_top_k([(hits, plan.scoring.log_odds(shard, hits.similarities)) for shard, hits in found], top_k)
