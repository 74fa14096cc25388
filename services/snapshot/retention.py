"""Which snapshots go and which files go with them: a file stays as long as some snapshot that stays has it. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from services.snapshot.descent import predecessors
from services.snapshot.layout import MANIFEST
from services.snapshot.manifest import Manifest


def staying(snapshot_ids: Sequence[str], current: str, keep: int, parents: Mapping[str, str]) -> frozenset[str]:
    """Return the snapshots that stay: the current one, those to go back to from it, then the latest others.

    So what was gone back from goes first, although it is later than the current one.

    Args:
        snapshot_ids: those with a manifest, oldest first.
        current: the one that CURRENT names, one of them.
        keep: how many stay, at least 1.
        parents: what each is a change of, where it is one.
    """
    before = predecessors(current, snapshot_ids, lambda each: parents.get(each, ""))
    wanted = dict.fromkeys((current, *before, *reversed(snapshot_ids)))
    return frozenset(list(wanted)[:keep])


def needed_files(manifests: Iterable[Manifest]) -> Mapping[str, frozenset[str]]:
    """Return the files that some snapshots have, by the snapshot in whose folder they lie; manifests count too."""
    needed: dict[str, set[str]] = {}
    for manifest in manifests:
        needed.setdefault(manifest.snapshot_id, set()).add(MANIFEST)
        for entry in manifest.files:
            needed.setdefault(entry.origin or manifest.snapshot_id, set()).add(entry.path)
    return {snapshot_id: frozenset(files) for snapshot_id, files in needed.items()}


def removal_order(files: Collection[str]) -> list[str]:
    """Return the files of a snapshot that goes in the order in which to remove them: first what makes it a snapshot."""
    return sorted(files, key=lambda path: (path != MANIFEST, path))
