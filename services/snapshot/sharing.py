"""What a change of a snapshot takes over from it: files stay with the snapshot that wrote them. Pure."""

from services.snapshot.manifest import FileEntry, Manifest, Segment, ShardEntry


def segment_taken_over(segment: Segment, snapshot_id: str) -> Segment:
    """Return a segment of a snapshot as a later one has it."""
    return segment.model_copy(
        update={
            "index": segment.index.model_copy(update={"file": segment.index.file.written_by(snapshot_id)}),
            "items": segment.items.written_by(snapshot_id),
            "golden": segment.golden.written_by(snapshot_id),
            "withdrawn": None if segment.withdrawn is None else segment.withdrawn.written_by(snapshot_id),
        }
    )


def shard_taken_over(shard: ShardEntry, snapshot_id: str) -> ShardEntry:
    """Return a shard of a snapshot as a later one has it when nothing in it changes."""
    segments = tuple(segment_taken_over(segment, snapshot_id) for segment in shard.segments)
    return shard.model_copy(update={"segments": segments})


def own_files(manifest: Manifest) -> tuple[FileEntry, ...]:
    """Return the files that this snapshot itself brings; the others lie with the snapshots that brought them."""
    return tuple(entry for entry in manifest.files if not entry.origin)


def shared_files(manifest: Manifest) -> tuple[FileEntry, ...]:
    """Return the files that earlier snapshots brought."""
    return tuple(entry for entry in manifest.files if entry.origin)
