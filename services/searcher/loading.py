"""From a snapshot's files to a shard that is verified and warm; what does not fit is refused by its file's name."""

from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import numpy as np

from services.common.errors import SettingsInvalid, SnapshotInvalid, SpaceMismatch
from services.models.space import Space
from services.neighbours.products import Part
from services.neighbours.selection import Selection
from services.neighbours.vector_index import Effort
from services.searcher.items import Items
from services.searcher.segments import LoadedSegment, load_segment
from services.searcher.shard import Shard
from services.snapshot.manifest import FileEntry, Manifest, Segment, ShardEntry
from services.snapshot.withdrawn import read_withdrawn

_WARM_UP_TOP_K: Final = 10


class VerifiedFiles(Protocol):
    """Where the files of a snapshot come from."""

    def fetch(self, manifest: Manifest, entry: FileEntry) -> Path:
        """Return the local path of a file whose size and digest were checked; raise SnapshotInvalid if they differ."""
        ...


Segments = MutableMapping[tuple[object, ...], LoadedSegment]
"""Segments in memory, by what makes them the same (`identity_of`)."""


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class LoadedSnapshot:
    """What a searcher serves.

    Attributes:
        snapshot_id: the snapshot that every shard is of.
        space_id: the space of its vectors.
        dimension: their length.
        shards: by slug, in the order of slugs.
        segments: what they consist of; a later snapshot takes from here what it shares with this one.
    """

    snapshot_id: str
    space_id: str
    dimension: int
    shards: Mapping[str, Shard]
    segments: Segments


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


def identity_of(segment: Segment) -> tuple[object, ...]:
    """Return what makes a segment the same in two snapshots: its files and how they are asked."""
    files = (segment.index.file, segment.items, segment.golden)
    return (*(file.sha256 for file in files), *sorted(segment.index.parameters.items()), segment.index.first_fetch)


def load_shard(files: VerifiedFiles, manifest: Manifest, entry: ShardEntry, known: Segments | None = None) -> Shard:
    """Verify, load and warm one shard. Blocking: it reads every byte of files that are not known yet.

    Args:
        files: where they come from.
        manifest: the snapshot's.
        entry: the shard; one of the manifest's.
        known: segments that were loaded before, by this or another snapshot; new ones are added.

    Raises:
        SnapshotInvalid: a file is damaged, or does not fit the manifest or the shard's other files; names the file.
        SpaceMismatch: the index is of another dimension or metric than the snapshot; names the file.
        Unavailable: the snapshot's storage can't be read.
    """
    known = {} if known is None else known
    segments, parts, first_row = [], [], 0
    for segment in entry.segments:
        identity = identity_of(segment)
        loaded = known.get(identity)
        if loaded is None:
            paths = [files.fetch(manifest, file) for file in (segment.index.file, segment.items, segment.golden)]
            loaded = known[identity] = load_segment(segment, manifest.dimension, *paths)
        selection = None
        if segment.withdrawn is not None:
            withdrawn = read_withdrawn(files.fetch(manifest, segment.withdrawn), segment)
            selection = Selection(~withdrawn)
        segments.append(loaded)
        parts.append(Part(loaded.index, first_row, selection))
        first_row += segment.images
    items = _items(entry, segments, parts)
    if not manifest.attributes.items() <= items.attributes.items():
        raise SnapshotInvalid(f"{entry.segments[-1].items.path}: its attributes are not those of the manifest")
    shard = Shard(entry, parts, items)
    _warm(shard, segments)
    return shard


def _items(entry: ShardEntry, segments: Sequence[LoadedSegment], parts: Sequence[Part]) -> Items:
    name = entry.segments[-1].items.path
    schemas = {segment.items.schema for segment in segments}
    if len(schemas) > 1:
        raise SnapshotInvalid(f"{name}: its columns are not those of the shard's other segments")
    items = Items.from_tables([segment.items for segment in segments])
    found = [
        part.first_row + (np.arange(part.index.rows) if part.selection is None else np.flatnonzero(part.selection.mask))
        for part in parts
    ]
    products = np.unique(items.product_of_row[np.concatenate(found)]).size
    if products != entry.products:
        raise SnapshotInvalid(f"{name}: {products} products, but the manifest says {entry.products}")
    return items


def _warm(shard: Shard, segments: Sequence[LoadedSegment]) -> None:
    """Search as will be searched, and touch every vector: what is mapped is read when it is first used."""
    for segment in segments:
        if len(segment.golden):
            shard.search(segment.golden, _WARM_UP_TOP_K)
            shard.search(segment.golden[:1], _WARM_UP_TOP_K, Effort.EXACT)
