"""What to go back to from a snapshot: the one that it is a change of, and so on. Pure."""

from collections.abc import Callable, Iterable, Iterator


def predecessors(snapshot_id: str, snapshot_ids: Iterable[str], parent_of: Callable[[str], str]) -> Iterator[str]:
    """Yield older snapshots, the one to go back to first; none is ever newer than where it began.

    From each it goes to the parent; to the next older one where there is no parent, or none that is still here. So what
    was published after the parent and rolled back is passed over.

    Args:
        snapshot_id: where to begin; it is not among them.
        snapshot_ids: those that are here, in any order; ids sort by time.
        parent_of: the snapshot that another one is a change of; empty when there is none, or nobody can tell.
    """
    older = sorted(each for each in snapshot_ids if each < snapshot_id)
    while older:
        parent = parent_of(snapshot_id)
        place = older.index(parent) if parent in older else len(older) - 1
        snapshot_id = older[place]
        older = older[:place]
        yield snapshot_id
