"""Small real snapshots of random unit vectors, published as the indexer publishes them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from services.indexer.partitioning import partition
from services.indexer.shards import write_shard
from services.models.space import Space
from services.snapshot.manifest import EmbedderEntry, Manifest, Relevance
from services.snapshot.publishing import publish, stamped
from services.snapshot.slugs import slug

EMBEDDER = EmbedderEntry(name="embedder", version="test-1", sha256="ab" * 32, preprocessing="resize-square-1")


@dataclass(frozen=True, slots=True)
class Images:
    """Gallery images, in the order of a shard's rows.

    Attributes:
        vectors: float32 `(images, dimension)`, of unit length.
        image_ids: distinct.
        product_ids: of each image.
        categories: of each image.
    """

    vectors: NDArray[np.float32]
    image_ids: list[str]
    product_ids: list[str]
    categories: list[str]

    def table(self) -> pa.Table:
        """Return them as an item table."""
        paths = [f"{image_id}.jpg" for image_id in self.image_ids]
        return pa.table(
            {
                "image_id": self.image_ids,
                "product_id": self.product_ids,
                "category": self.categories,
                "image_path": paths,
            }
        )

    def rows(self, rows: NDArray[np.int64]) -> "Images":
        """Return those rows."""
        return Images(
            self.vectors[rows],
            [self.image_ids[row] for row in rows],
            [self.product_ids[row] for row in rows],
            [self.categories[row] for row in rows],
        )


@dataclass(frozen=True, slots=True)
class PublishedSnapshot:
    """A snapshot and the truth about it.

    Attributes:
        root: where it was published.
        manifest: its manifest.
        images: by slug of the shard.
    """

    root: Path
    manifest: Manifest
    images: Mapping[str, Images]

    @property
    def folder(self) -> Path:
        """Where its files lie."""
        return self.root / "snapshots" / self.manifest.snapshot_id


def unit_vectors(rows: int, dimension: int, seed: int = 0) -> NDArray[np.float32]:
    """Return random directions, float32 `(rows, dimension)`."""
    vectors = np.random.default_rng(seed).standard_normal((rows, dimension))
    unit: NDArray[np.float32] = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit


def publish_snapshot(
    root: Path,
    images_of_category: Mapping[str, int],
    *,
    dimension: int = 16,
    images_per_product: int = 2,
    baseline: bool = False,
    embedder: EmbedderEntry = EMBEDDER,
    space_id: str | None = None,
    relevance: Relevance | None = None,
    seed: int = 0,
    hours_later: int = 0,
    parent: str = "",
) -> PublishedSnapshot:
    """Publish a snapshot below `root` and make it current.

    Args:
        root: a folder.
        images_of_category: how many images each category has.
        dimension: of the vectors.
        images_per_product: neighbouring rows that show the same product.
        baseline: whether to add the index over everything.
        embedder: what is said to have made the vectors.
        space_id: a wrong one, for tests of refusal; by default the right one.
        relevance: what it is said to have learned.
        seed: of the vectors.
        hours_later: what to add to the time of building, where a test depends on which is older: ids tell seconds.
        parent: the snapshot that it is said to be a change of.
    """
    categories = [category for category, images in images_of_category.items() for _ in range(images)]
    numbers = [number for images in images_of_category.values() for number in range(images)]
    gallery = Images(
        vectors=unit_vectors(len(categories), dimension, seed),
        image_ids=[f"{slug(category)}-image-{number}" for category, number in zip(categories, numbers, strict=True)],
        product_ids=[
            f"{slug(category)}-product-{number // images_per_product}"
            for category, number in zip(categories, numbers, strict=True)
        ],
        categories=categories,
    )
    plans = partition(categories, baseline=baseline)
    images = {plan.slug: gallery.rows(plan.rows) for plan in plans}
    draft = root / "draft"
    manifest = Manifest(
        snapshot_id="",
        created_at="",
        space_id=space_id or Space(embedder.sha256, embedder.preprocessing, dimension).space_id,
        dimension=dimension,
        metric="inner_product",
        embedder=embedder,
        dataset="random",
        image_root="",
        skipped_images=0,
        relevance=relevance,
        parent=parent,
        shards=tuple(write_shard(draft, plan, images[plan.slug].vectors, images[plan.slug].table()) for plan in plans),
    )
    manifest = stamped(manifest, datetime.now(UTC) + timedelta(hours=hours_later))
    return PublishedSnapshot(root, publish(root, draft, manifest), images)
