"""Shards in memory, without files, and the exact answers that they must give."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import faiss
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from services.neighbours.products import Part
from services.neighbours.selection import Selection
from services.neighbours.vector_index import VectorIndex
from services.searcher.items import Items
from services.searcher.shard import Shard
from services.snapshot.manifest import BASELINE_SLUG, FileEntry, IndexEntry, Segment, ShardEntry

_NO_FILE = FileEntry(path="shoes/none", size_bytes=0, sha256="0" * 64)


def shard_of(
    vectors: NDArray[np.float32],
    product_ids: Sequence[str],
    factory: str = "Flat",
    *,
    attributes: Mapping[str, Sequence[object]] | None = None,
    sizes: Sequence[int] = (),
    withdrawn: Collection[int] = (),
) -> Shard:
    """Return a shard whose row i is image `image-i` of `product_ids[i]`.

    Args:
        vectors: float32 `(images, dimension)`.
        product_ids: of each image.
        factory: of each segment's index.
        attributes: the free ones, of each image.
        sizes: images of each segment; none: all are in one.
        withdrawn: rows that must not be found.
    """
    image_ids = [f"image-{row}" for row in range(len(vectors))]
    table = pa.table(
        {
            "image_id": image_ids,
            "product_id": list(product_ids),
            "category": [f"category of {product}" for product in product_ids],
            "image_path": [f"{name}.jpg" for name in image_ids],
            **(attributes or {}),
        }
    )
    parts, tables, start = [], [], 0
    for size in sizes or (len(vectors),):
        rows = slice(start, start + size)
        gone = np.isin(np.arange(len(vectors))[rows], list(withdrawn))
        selection = Selection(~gone) if gone.any() else None
        parts.append(Part(_index_of(vectors[rows], factory), start, selection))
        tables.append(table.slice(start, size))
        start += size
    products = {product for row, product in enumerate(product_ids) if row not in withdrawn}
    entry = entry_of("shoes", "Shoes", len(vectors), len(products))
    return Shard(entry, parts, Items.from_tables(tables))


def _index_of(vectors: NDArray[np.float32], factory: str) -> VectorIndex:
    index: Any = faiss.index_factory(vectors.shape[1], factory, faiss.METRIC_INNER_PRODUCT)
    index.train(vectors)
    index.add(vectors)
    if isinstance(index, faiss.IndexIVF):
        index.make_direct_map()  # as the indexer does
    return VectorIndex(index, {}, first_fetch=4)


def entry_of(slug: str, category: str, images: int, products: int) -> ShardEntry:
    """Return a manifest entry whose files are nowhere."""
    return ShardEntry(
        slug=slug,
        category=category,
        baseline=slug == BASELINE_SLUG,
        images=images,
        products=products,
        segments=(segment_of(images),),
    )


def segment_of(images: int) -> Segment:
    """Return a segment whose files are nowhere."""
    index = IndexEntry(file=_NO_FILE, factory="Flat", first_fetch=32, recall_at_10=1.0)
    return Segment(images=images, index=index, items=_NO_FILE, golden=_NO_FILE)


def best_products(similarities: Sequence[float], product_ids: Sequence[str], top_k: int) -> list[tuple[str, int]]:
    """Return `(product, row of its best image)` of the `top_k` best products, by the plainest means.

    Args:
        similarities: of every row of the shard.
        product_ids: of every row of the shard.
        top_k: products wanted.
    """
    found: dict[str, int] = {}
    for row in sorted(range(len(similarities)), key=lambda row: (-similarities[row], row)):
        found.setdefault(product_ids[row], row)
    return list(found.items())[:top_k]
