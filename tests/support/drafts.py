"""Drafts of snapshots whose files hold a few bytes each, for tests of storing and publishing."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from services.snapshot.digests import file_entry
from services.snapshot.manifest import EmbedderEntry, IndexEntry, Manifest, Segment, ShardEntry
from services.snapshot.publishing import stamped
from services.snapshot.sharing import segment_taken_over

_EPOCH = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


def write_draft(
    folder: Path,
    content: bytes = b"vectors",
    *,
    age_seconds: int = 0,
    parent: str = "",
    shared_from: Manifest | None = None,
) -> Manifest:
    """Write a draft with one shard, `shoes`, and return its stamped manifest.

    Args:
        folder: made by this.
        content: of the index; other content makes another snapshot.
        age_seconds: how long before noon of the last day of January 2026 it was built.
        parent: the snapshot that it is a change of.
        shared_from: an earlier snapshot, whose items and golden queries it shares.
    """
    shard = folder / "shoes"
    shard.mkdir(parents=True)
    for name, data in (("index.faiss", content), ("items.arrow", b"items"), ("golden.arrow", b"golden")):
        (shard / name).write_bytes(data)
    segment = Segment(
        images=3,
        index=IndexEntry(
            file=file_entry(folder, shard / "index.faiss"), factory="Flat", first_fetch=32, recall_at_10=1.0
        ),
        items=file_entry(folder, shard / "items.arrow"),
        golden=file_entry(folder, shard / "golden.arrow"),
    )
    entry = ShardEntry(
        slug="shoes",
        category="Shoes",
        images=3,
        products=2,
        segments=(segment,),
    )
    manifest = Manifest(
        snapshot_id="",
        created_at="",
        space_id="0123456789abcdef",
        dimension=4,
        metric="inner_product",
        embedder=EmbedderEntry(name="embedder", version="1", sha256="ab" * 32, preprocessing="resize-square-1"),
        dataset="draft",
        image_root="",
        skipped_images=0,
        parent=parent,
        shards=(entry if shared_from is None else _sharing(folder, entry, shared_from),),
    )
    return stamped(manifest, _EPOCH - timedelta(seconds=age_seconds))


def _sharing(folder: Path, entry: ShardEntry, earlier: Manifest) -> ShardEntry:
    old = segment_taken_over(earlier.shards[0].segments[0], earlier.snapshot_id)
    for file in (old.items, old.golden):
        (folder / file.path).unlink()
    segment = entry.segments[0].model_copy(update={"items": old.items, "golden": old.golden})
    return entry.model_copy(update={"segments": (segment,)})
