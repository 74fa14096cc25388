"""One shard's files: its FAISS index, its item table and its golden queries."""

from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from services.common.errors import Internal
from services.indexer.golden import GoldenQueries, golden_queries
from services.indexer.index_choice import index_factory
from services.indexer.partitioning import ShardPlan
from services.snapshot.digests import file_entry
from services.snapshot.manifest import Segment, ShardEntry


def write_shard(draft: Path, plan: ShardPlan, vectors: NDArray[np.float32], items: pa.Table) -> ShardEntry:
    """Write a shard's folder; the same input gives the same bytes.

    Args:
        draft: the snapshot's folder.
        plan: which shard it is.
        vectors: float32 `(images, dimension)`, of unit length.
        items: one row per vector.

    Returns:
        The manifest's entry.

    Raises:
        Internal: the index does not find its own vectors.
        OSError: the files can't be written.
    """
    folder = draft / plan.slug
    folder.mkdir(parents=True)
    factory = index_factory(len(vectors))
    index = _build(vectors, factory)
    golden = _found_by(index, golden_queries(vectors), plan.slug)
    image_ids = items["image_id"].take(golden.rows)
    golden_table = pa.table(
        {
            "query_vector": pa.FixedSizeListArray.from_arrays(golden.query_vectors.ravel(), vectors.shape[1]),
            "image_id": image_ids,
            "similarity": golden.similarities,
        }
    )
    faiss.write_index(index, str(folder / "index.faiss"))
    pq.write_table(items, folder / "items.parquet")
    pq.write_table(golden_table, folder / "golden.parquet")
    segment = Segment(
        images=len(vectors),
        index=file_entry(draft, folder / "index.faiss"),
        items=file_entry(draft, folder / "items.parquet"),
        golden=file_entry(draft, folder / "golden.parquet"),
    )
    return ShardEntry(
        slug=plan.slug,
        category=plan.category,
        baseline=plan.baseline,
        images=len(vectors),
        products=len(items["product_id"].unique()),
        index_factory=factory,
        segments=(segment,),
    )


def _build(vectors: NDArray[np.float32], factory: str) -> Any:
    # On all cores: since version 1.15 FAISS links a graph in the same way whatever the number of threads.
    index = faiss.index_factory(vectors.shape[1], factory, faiss.METRIC_INNER_PRODUCT)
    index.add(vectors)
    return index


def _found_by(index: Any, golden: GoldenQueries, slug: str) -> GoldenQueries:
    """Return the golden queries that the index answers right; an approximate one may miss some, but never all."""
    if not len(golden.rows):
        return golden
    _, nearest = index.search(golden.query_vectors, 1)
    right = nearest[:, 0] == golden.rows
    if not right.any():
        raise Internal(f"shard {slug}: its index does not find the vectors that were put into it")
    return GoldenQueries(golden.query_vectors[right], golden.rows[right], golden.similarities[right])
