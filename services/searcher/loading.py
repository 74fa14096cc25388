"""From a snapshot's files to a shard that is verified and warm; what does not fit is refused by its file's name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import faiss
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from services.common.errors import SettingsInvalid, SnapshotInvalid, SpaceMismatch
from services.models.space import Space
from services.searcher.items import COLUMNS, Items
from services.searcher.shard import Shard
from services.snapshot.manifest import FileEntry, Manifest, Segment, ShardEntry

# Rounding differs between instruction sets by a few 1e-7; a wrong vector differs by 1e-2 and more.
_SIMILARITY_TOLERANCE: Final = 1e-4
_WARM_UP_TOP_K: Final = 10


class VerifiedFiles(Protocol):
    """Where the files of a snapshot come from."""

    def fetch(self, manifest: Manifest, entry: FileEntry) -> Path:
        """Return the local path of a file whose size and digest were checked; raise SnapshotInvalid if they differ."""
        ...


@dataclass(frozen=True, slots=True)
class LoadedSnapshot:
    """What a searcher serves.

    Attributes:
        snapshot_id: the snapshot that every shard is of.
        space_id: the space of its vectors.
        dimension: their length.
        shards: by slug, in the order of slugs.
    """

    snapshot_id: str
    space_id: str
    dimension: int
    shards: Mapping[str, Shard]


def chosen_shards(manifest: Manifest, slugs: Sequence[str]) -> tuple[ShardEntry, ...]:
    """Return the manifest's entries of the shards to serve, by slug.

    Args:
        manifest: the snapshot's.
        slugs: which shards; none: every category's.

    Raises:
        SettingsInvalid: the snapshot has no such shard.
    """
    by_slug = {entry.slug: entry for entry in manifest.shards}
    for slug in slugs:
        if slug not in by_slug:
            raise SettingsInvalid(
                f"snapshot {manifest.snapshot_id} has no shard {slug!r}; it has {', '.join(sorted(by_slug))}",
                field="shards",
            )
    chosen = [by_slug[slug] for slug in set(slugs)] if slugs else manifest.category_shards
    return tuple(sorted(chosen, key=lambda entry: entry.slug))


def check_space(manifest: Manifest) -> None:
    """Check that the manifest's space id is the digest of what it says about its vectors.

    Raises:
        SpaceMismatch: it is not; names the manifest.
    """
    embedder = manifest.embedder
    expected = Space(embedder.sha256, embedder.preprocessing, manifest.dimension, manifest.metric).space_id
    if manifest.space_id != expected:
        raise SpaceMismatch(
            f"manifest.json of snapshot {manifest.snapshot_id}: space id {manifest.space_id}, but its embedder, "
            f"dimension and metric make {expected}"
        )


def load_shard(files: VerifiedFiles, manifest: Manifest, entry: ShardEntry) -> Shard:
    """Verify, load and warm one shard. Blocking: it reads every byte of the shard's files.

    Raises:
        SnapshotInvalid: a file is damaged, or does not fit the manifest or the shard's other files; names the file.
        SpaceMismatch: the index is of another dimension or metric than the snapshot; names the file.
        Unavailable: the snapshot's storage can't be read.
    """
    if len(entry.segments) > 1:
        raise SnapshotInvalid(f"shard {entry.slug} has {len(entry.segments)} segments; this release reads one")
    segment = entry.segments[0]
    index = _load_index(files.fetch(manifest, segment.index), manifest, segment)
    items = _load_items(files.fetch(manifest, segment.items), entry, segment)
    query_vectors = _check_golden_queries(files.fetch(manifest, segment.golden), manifest, segment, index, items)
    shard = Shard(entry, index, items)
    shard.search(query_vectors, _WARM_UP_TOP_K)
    return shard


def _load_index(path: Path, manifest: Manifest, segment: Segment) -> Any:
    name = segment.index.path
    try:
        # Mapped where the index type can: it opens in under a millisecond and replicas share the pages.
        index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
    except RuntimeError:  # its text is about FAISS's source files
        raise SnapshotInvalid(f"{name}: FAISS can't read it as an index") from None
    if index.d != manifest.dimension:
        raise SpaceMismatch(f"{name}: vectors of dimension {index.d}, but the snapshot's is {manifest.dimension}")
    if index.metric_type != faiss.METRIC_INNER_PRODUCT:
        raise SpaceMismatch(f"{name}: compares vectors by another metric than {manifest.metric}")
    if index.ntotal != segment.images:
        raise SnapshotInvalid(f"{name}: {index.ntotal} vectors, but the manifest says {segment.images} images")
    return index


def _load_items(path: Path, entry: ShardEntry, segment: Segment) -> Items:
    name = segment.items.path
    items = Items.from_table(_read_table(path, name, COLUMNS))
    if items.product_of_row.size != segment.images:
        raise SnapshotInvalid(f"{name}: {items.product_of_row.size} rows, but the index has {segment.images} vectors")
    if items.product_ids.size != entry.products:
        raise SnapshotInvalid(f"{name}: {items.product_ids.size} products, but the manifest says {entry.products}")
    return items


def _check_golden_queries(
    path: Path, manifest: Manifest, segment: Segment, index: Any, items: Items
) -> NDArray[np.float32]:
    """Check that each golden query finds the known image at the known similarity, and return the query vectors.

    Checksums tell that the files are what the indexer wrote; this tells that they also work together here.
    """
    name = segment.golden.path
    table = _read_table(path, name, ("query_vector", "image_id", "similarity"))
    numbers = table["query_vector"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    if numbers.size != table.num_rows * manifest.dimension:
        raise SnapshotInvalid(f"{name}: its query vectors are not of dimension {manifest.dimension}")
    xq: NDArray[np.float32] = numbers.astype(np.float32).reshape(table.num_rows, manifest.dimension)
    D, I = index.search(xq, 1)  # noqa: N806, E741 - FAISS's names
    found_ids = items.image_ids[I[:, 0]]
    for row, (known_id, known_similarity) in enumerate(
        zip(table["image_id"].to_pylist(), table["similarity"].to_pylist(), strict=True)
    ):
        if found_ids[row] != known_id or abs(D[row, 0] - known_similarity) > _SIMILARITY_TOLERANCE:
            raise SnapshotInvalid(
                f"{segment.index.path}: golden query {row} of {name} should find image {known_id!r} at similarity "
                f"{known_similarity:.4f}, but found {found_ids[row]!r} at {D[row, 0]:.4f}"
            )
    return xq


def _read_table(path: Path, name: str, columns: Sequence[str]) -> pa.Table:
    try:
        with pq.ParquetFile(path) as file:
            missing = set(columns) - set(file.schema_arrow.names)
            if missing:
                raise SnapshotInvalid(f"{name}: column {min(missing)!r} is missing")
            table = file.read(columns=list(columns))
    except pa.ArrowException:
        raise SnapshotInvalid(f"{name}: not a Parquet file") from None
    if any(column.null_count for column in table.columns):
        raise SnapshotInvalid(f"{name}: a value is missing")
    return table
