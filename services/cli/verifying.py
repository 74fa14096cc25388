"""A whole snapshot, checked as a searcher does before it serves: digests, golden queries, and that its parts fit."""

from collections.abc import Callable

from services.searcher.loading import VerifiedFiles, check_space, load_shard
from services.snapshot.manifest import Manifest


def verify_snapshot(files: VerifiedFiles, manifest: Manifest, advance: Callable[[int, int], None]) -> None:
    """Read every byte of a snapshot and ask its indexes what is known.

    Args:
        files: where they come from.
        manifest: the snapshot's.
        advance: told how many shards of how many are done.

    Raises:
        SnapshotInvalid: a file is damaged or does not fit the others; names it.
        SpaceMismatch: the vectors are not of the space that the manifest says.
        Unavailable: the snapshot's storage can't be read.
    """
    check_space(manifest)
    for done, entry in enumerate(manifest.shards):
        advance(done, len(manifest.shards))
        load_shard(files, manifest, entry)
    advance(len(manifest.shards), len(manifest.shards))
