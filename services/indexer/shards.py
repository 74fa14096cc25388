"""One shard's files: for each segment its FAISS index, its item table and its golden queries."""

from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from services.common.errors import Internal
from services.indexer.building import build_index
from services.indexer.golden import GoldenQueries, golden_queries
from services.indexer.partitioning import ShardPlan
from services.neighbours.vector_index import VectorIndex
from services.snapshot.digests import file_entry
from services.snapshot.index_rules import DEFAULT_RULES, IndexRules
from services.snapshot.manifest import IndexEntry, Segment, ShardEntry
from services.snapshot.tables import write_table


def write_shard(
    draft: Path, plan: ShardPlan, vectors: NDArray[np.float32], items: pa.Table, rules: IndexRules = DEFAULT_RULES
) -> ShardEntry:
    """Write a shard's folder; the same input gives the same bytes.

    Args:
        draft: the snapshot's folder.
        plan: which shard it is.
        vectors: float32 `(images, dimension)`, of unit length.
        items: one row per vector.
        rules: what its index is to be like.

    Returns:
        The manifest's entry.

    Raises:
        Internal: the index does not find its own vectors.
        SettingsInvalid: FAISS does not know the factory string.
        OSError: the files can't be written.
    """
    segment = write_segment(draft, plan.slug, vectors, items, rules)
    return ShardEntry(
        slug=plan.slug,
        category=plan.category,
        baseline=plan.baseline,
        images=len(vectors),
        products=len(items["product_id"].unique()),
        segments=(segment,),
    )


def write_segment(
    draft: Path, slug: str, vectors: NDArray[np.float32], items: pa.Table, rules: IndexRules = DEFAULT_RULES
) -> Segment:
    """Write the files of one segment to the shard's folder in a draft; arguments and errors as `write_shard`."""
    folder = draft / slug
    folder.mkdir(parents=True)
    built = build_index(vectors, _products_of(items), rules)
    golden = _found_by(built.searchable, golden_queries(vectors), slug)
    _write_index(folder / "index.faiss", built.index)
    write_table(folder / "items.arrow", items)
    _write_golden(folder / "golden.arrow", golden, items)
    return Segment(
        images=len(vectors),
        index=IndexEntry(
            file=file_entry(draft, folder / "index.faiss"),
            factory=built.factory,
            parameters=dict(built.tuned.parameters),
            first_fetch=built.tuned.first_fetch,
            recall_at_10=round(built.tuned.recall_at_10, 4),
        ),
        items=file_entry(draft, folder / "items.arrow"),
        golden=file_entry(draft, folder / "golden.arrow"),
    )


def _products_of(items: pa.Table) -> NDArray[np.int32]:
    indices: NDArray[np.int32] = items["product_id"].combine_chunks().dictionary_encode().indices.to_numpy()
    return indices


def _found_by(index: VectorIndex, golden: GoldenQueries, slug: str) -> GoldenQueries:
    """Return the golden queries that the index answers right, with the similarities that it tells.

    An approximate one may miss some, but never all; codes that no exact vectors refine tell similarities of their own.
    """
    if not len(golden.rows):
        return golden
    similarities, rows = index.nearest(golden.query_vectors, index.first_fetch).firsts()
    right = rows == golden.rows
    if not right.any():
        raise Internal(f"shard {slug}: its index does not find the vectors that were put into it")
    return GoldenQueries(golden.query_vectors[right], golden.rows[right], similarities[right])


def _write_index(path: Path, index: Any) -> None:
    # Through Python's file: FAISS's own does not notice when the last bytes don't fit on the disk.
    with path.open("wb") as file:
        faiss.write_index(index, faiss.PyCallbackIOWriter(file.write))  # type: ignore[attr-defined]


def _write_golden(path: Path, golden: GoldenQueries, items: pa.Table) -> None:
    dimension = golden.query_vectors.shape[1]
    table = pa.table(
        {
            "query_vector": pa.FixedSizeListArray.from_arrays(golden.query_vectors.ravel(), dimension),
            "image_id": items["image_id"].take(golden.rows),
            "similarity": golden.similarities,
        }
    )
    write_table(path, table)
