"""Manifests that say what a test needs them to say; no snapshot is behind them."""

from collections.abc import Mapping

from services.snapshot.manifest import (
    BASELINE_SLUG,
    EmbedderEntry,
    FileEntry,
    IndexEntry,
    Manifest,
    Segment,
    ShardEntry,
)
from services.snapshot.slugs import slug

BYTES_PER_IMAGE = 1_024


def shard_of(category: str, images: int, bytes_per_item: int = 0) -> ShardEntry:
    """Return a shard with an index of 1 kB per image and a product per image; an empty category is the baseline."""
    name = slug(category) if category else BASELINE_SLUG

    def file(path: str, size_bytes: int) -> FileEntry:
        return FileEntry(path=f"{name}/{path}", size_bytes=size_bytes, sha256="0" * 64)

    index = IndexEntry(
        file=file("index.faiss", BYTES_PER_IMAGE * images), factory="Flat", first_fetch=10, recall_at_10=1.0
    )
    return ShardEntry(
        slug=name,
        category=category,
        baseline=not category,
        images=images,
        products=images,
        segments=(
            Segment(
                images=images,
                index=index,
                items=file("items.arrow", bytes_per_item * images),
                golden=file("golden.arrow", 0),
            ),
        ),
    )


def manifest_of(images: Mapping[str, int], *, baseline: bool = False, bytes_per_item: int = 0) -> Manifest:
    """Return a manifest with a shard per category, and the baseline of all if it is wanted."""
    shards = [shard_of(category, count, bytes_per_item) for category, count in images.items()]
    if baseline:
        shards.append(shard_of("", sum(images.values()), bytes_per_item))
    return Manifest(
        snapshot_id="20260131T120000Z-0123456789ab",
        created_at="2026-01-31T12:00:00Z",
        space_id="0" * 16,
        dimension=256,
        metric="inner_product",
        embedder=EmbedderEntry(name="embedder", version="1", sha256="0" * 64, preprocessing="resize-square-1"),
        dataset="shop",
        image_root="",
        skipped_images=0,
        shards=tuple(shards),
    )
