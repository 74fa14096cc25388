"""`aisle snapshot`: what a shop does with its snapshots from day to day."""

from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.commands.options import DEFAULT_SNAPSHOT_ROOT, Json, SnapshotRoot, WorkRoot
from services.cli.commands.snapshot_changes import add, compact, delete

if TYPE_CHECKING:
    from services.snapshot.manifest import Manifest

snapshot = typer.Typer(
    help="Change the current snapshot a little, look at snapshots, go back to one, remove old ones.",
    no_args_is_help=True,
)
for change in (add, delete, compact):
    snapshot.command()(change)


@snapshot.command("list")
def list_snapshots(*, snapshot_root: SnapshotRoot = DEFAULT_SNAPSHOT_ROOT, as_json: Json = False) -> None:
    """Show every snapshot, oldest first: what it holds, what it takes on the disk, and which one is current.

    Example: aisle snapshot list
    """
    from services.cli.console import messages, print_json, results
    from services.cli.history import kept_json, show_history
    from services.snapshot.history import kept_snapshots

    history = kept_snapshots(snapshot_root)
    if as_json:
        for each in history.kept:
            print_json(kept_json(each))
    else:
        show_history(results(), history.kept)
    if history.problem:
        messages().print(history.problem, markup=False, soft_wrap=True)


@snapshot.command()
def verify(
    snapshot_id: Annotated[str, typer.Argument(help="Which one; the current one by default.", show_default=False)] = "",
    *,
    snapshot_root: SnapshotRoot = DEFAULT_SNAPSHOT_ROOT,
    as_json: Json = False,
) -> None:
    """Read every file of a snapshot, check its digest, and ask the golden queries, as a searcher does.

    Example: aisle snapshot verify
    """
    from services.cli.console import print_json, results
    from services.snapshot.store import SnapshotStore

    manifest = SnapshotStore(snapshot_root).manifest(snapshot_id or None)
    _verify(snapshot_root, manifest)
    if as_json:
        print_json({"snapshot_id": manifest.snapshot_id, "files": len(manifest.files), "sound": True})
    else:
        results().print(f"snapshot {manifest.snapshot_id} is sound: {len(manifest.files):,} files", markup=False)


@snapshot.command()
def rollback(
    snapshot_id: Annotated[
        str,
        typer.Argument(help="Which one; by default the one before the current one.", show_default=False),
    ] = "",
    *,
    snapshot_root: SnapshotRoot = DEFAULT_SNAPSHOT_ROOT,
    work_root: WorkRoot = None,
    as_json: Json = False,
) -> None:
    """Verify an earlier snapshot and make it the current one again.

    Without an id it goes back one step each time: to the snapshot that the current one is a change of; from one of a
    whole catalogue to the next older one. If it was interrupted, give the id that it said.

    Examples:
      aisle snapshot rollback

      aisle snapshot rollback 20260131T120000Z-0123456789ab
    """
    from services.cli.console import messages, print_json, results
    from services.snapshot.rollback import roll_back
    from services.snapshot.writer_lock import default_work_root

    def check(found: "Manifest") -> None:
        if not snapshot_id:
            words = f"going back to {found.snapshot_id}; if this is interrupted, go on with that id"
            messages().print(words, markup=False, soft_wrap=True)
        _verify(snapshot_root, found)

    manifest = roll_back(snapshot_root, snapshot_id, check, work_root=work_root or default_work_root())
    if as_json:
        print_json({"snapshot_id": manifest.snapshot_id})
    else:
        results().print(f"snapshot {manifest.snapshot_id} is current again", markup=False)


@snapshot.command()
def prune(
    *,
    keep: Annotated[int, typer.Option(min=1, help="How many snapshots stay.")] = 3,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    snapshot_root: SnapshotRoot = DEFAULT_SNAPSHOT_ROOT,
    work_root: WorkRoot = None,
    as_json: Json = False,
) -> None:
    """Remove snapshots: the current one stays, then those to go back to from it, then the latest others.

    A file stays as long as a snapshot has it that stays.

    Example: aisle snapshot prune --keep 7
    """
    from services.cli.console import print_json, results
    from services.cli.snapshots import size_words
    from services.snapshot.pruning import prune as prune_snapshots
    from services.snapshot.writer_lock import default_work_root

    pruned = prune_snapshots(snapshot_root, keep, work_root=work_root or default_work_root(), dry_run=dry_run)
    if as_json:
        facts = {"snapshot_ids": pruned.snapshot_ids, "files": pruned.files, "freed_bytes": pruned.freed_bytes}
        print_json({**facts, "dry_run": dry_run})
        return
    console = results()
    for each in pruned.snapshot_ids:
        console.print(each, markup=False)
    verb = "would go" if dry_run else "gone"
    freed = f"{pruned.files:,} files, {size_words(pruned.freed_bytes)}"
    console.print(f"{verb}: {len(pruned.snapshot_ids):,} snapshots, {freed}", markup=False)


def _verify(snapshot_root: str, manifest: "Manifest") -> None:
    from services.cli.progress import steps
    from services.cli.verifying import verify_snapshot
    from services.snapshot.store import SnapshotStore

    with steps() as progress:
        # What this machine has copied says nothing about what lies there.
        verify_snapshot(
            SnapshotStore(snapshot_root, trust_cache=False),
            manifest,
            lambda done, total: progress("verifying shards", done, total),
        )
