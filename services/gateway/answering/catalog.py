"""What the gateway can search: a snapshot's categories as a classifier sees them. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.common.errors import UnknownCategory
from services.filters.checking import askable, check
from services.filters.predicate import Predicate
from services.gateway.answering.plan import RankedShard, Scoring
from services.models.metadata import ModelInfo
from services.relevance.priors import conditioned, label_positions
from services.snapshot.manifest import AttributeType, FusionEntry, Manifest, ShardEntry


@dataclass(frozen=True, slots=True)
class SnapshotKey:
    """What gateway and searcher must agree on before a search.

    Attributes:
        snapshot_id: the snapshot that the plan was made with.
        space_id: the space of its vectors.
        dimension: their length.
    """

    snapshot_id: str
    space_id: str
    dimension: int


@dataclass(frozen=True, slots=True)
class Catalog:
    """The categories of one snapshot as one classifier sees them.

    Attributes:
        manifest: the snapshot.
        classifier: who sees them so.
        key: what every searcher is told about it.
        shards: its category shards, in the manifest's order.
        label_positions: for each shard the position of its category in the classifier's output, -1 when it has none.
        fusion: what the snapshot has learned about this classifier, which its file's digest tells; None when that is
            nothing, or about another one.
    """

    manifest: Manifest
    classifier: ModelInfo
    key: SnapshotKey
    shards: tuple[ShardEntry, ...]
    label_positions: npt.NDArray[np.intp]
    fusion: FusionEntry | None

    @classmethod
    def of(cls, manifest: Manifest, classifier: ModelInfo) -> "Catalog":
        """Return a snapshot as a classifier sees it."""
        learned = None if manifest.relevance is None else manifest.relevance.fusion
        fusion = learned if learned is not None and learned.classifier_sha256 == classifier.sha256 else None
        shards = manifest.category_shards
        key = SnapshotKey(manifest.snapshot_id, manifest.space_id, manifest.dimension)
        positions = label_positions([shard.category for shard in shards], classifier.labels)
        return cls(manifest, classifier, key, shards, positions, fusion)

    def seen_by(self, classifier: ModelInfo) -> "Catalog":
        """Return the same snapshot as a classifier sees it: this very catalog when it is of that one."""
        return self if classifier.sha256 == self.classifier.sha256 else Catalog.of(self.manifest, classifier)

    @property
    def categories(self) -> tuple[str, ...]:
        """What is sold."""
        return tuple(shard.category for shard in self.shards)

    @property
    def unroutable(self) -> tuple[str, ...]:
        """Categories that the classifier does not know: only ALL, BASELINE or the caller's choice reach them."""
        known = self.label_positions >= 0
        return tuple(shard.category for shard, routable in zip(self.shards, known, strict=True) if not routable)

    @property
    def baseline(self) -> RankedShard | None:
        """The index over the whole gallery, if there is one."""
        shard = self.manifest.baseline_shard
        return None if shard is None else _ranked(shard, 1.0)

    @property
    def attributes(self) -> dict[str, AttributeType]:
        """What filters may ask about, by name."""
        return askable(self.manifest.attributes)

    @property
    def plain_scoring(self) -> Scoring:
        """How hits are scored by similarity alone."""
        relevance = self.manifest.relevance
        return Scoring(None if relevance is None else relevance.match_threshold)

    def rank(self, probabilities: npt.NDArray[np.float32]) -> tuple[RankedShard, ...]:
        """Return every category's shard, likeliest first.

        The classifier may know categories that this snapshot lacks; its probabilities are conditioned on those that
        are here, so they sum to 1.

        Args:
            probabilities: the classifier's output, float32 `(labels,)`.

        Returns:
            Nothing when all of them are 0: the photo is of no category that is sold here.
        """
        here = conditioned(probabilities, self.label_positions)
        if not here.any():
            return ()
        order = np.argsort(-here, kind="stable")
        return tuple(_ranked(self.shards[i], float(here[i])) for i in order)

    def indifferent(self) -> tuple[RankedShard, ...]:
        """Return every category's shard when nothing is known: all as likely as each other."""
        return _evenly(self.shards)

    def chosen(self, categories: Sequence[str]) -> tuple[RankedShard, ...]:
        """Return the shards of the categories that the caller names, each once, all as likely as each other.

        Raises:
            UnknownCategory: the snapshot has no such category.
        """
        by_name = {shard.category: shard for shard in self.shards}
        for category in categories:
            if category not in by_name:
                raise UnknownCategory(
                    f"this snapshot has no category {category!r}; GetCatalog lists them", field="routing.categories"
                )
        return _evenly([by_name[category] for category in dict.fromkeys(categories)])

    def check(self, predicate: Predicate | None) -> None:
        """Raise FilterInvalid for a filter that can't be asked of this snapshot."""
        if predicate is not None:
            check(predicate, self.manifest.attributes)


def _evenly(shards: Sequence[ShardEntry]) -> tuple[RankedShard, ...]:
    return tuple(_ranked(shard, 1.0 / len(shards)) for shard in shards)


def _ranked(shard: ShardEntry, probability: float) -> RankedShard:
    return RankedShard(shard.slug, shard.category, probability, shard.similarity_map)
