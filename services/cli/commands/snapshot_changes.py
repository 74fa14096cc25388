"""`aisle snapshot add | delete | compact`: a new snapshot that shares with the one before what did not change."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.commands.options import (
    DEFAULT_MODELS,
    DEFAULT_RUN_FOLDER,
    DEFAULT_SNAPSHOT_ROOT,
    DEFAULT_WAIT_SECONDS,
    Json,
    Models,
    RunFolder,
    SnapshotRoot,
    Triton,
    WaitFor,
    WaitSeconds,
)

if TYPE_CHECKING:
    from services.cli.snapshots import Visible


def add(
    catalogue: Annotated[Path, typer.Argument(help="A catalogue of new pictures only: CSV or Parquet.")],
    *,
    image_root: Annotated[
        Path | None,
        typer.Option(
            help="Folder that its picture paths are relative to, in the snapshot's; that one by default.",
            show_default=False,
        ),
    ] = None,
    snapshot_root: SnapshotRoot = DEFAULT_SNAPSHOT_ROOT,
    max_unreadable_share: Annotated[
        float, typer.Option(help="Fail when more pictures than this can't be read.")
    ] = 0.01,
    wait: WaitFor = "",
    wait_seconds: WaitSeconds = DEFAULT_WAIT_SECONDS,
    triton: Triton = "",
    models: Models = DEFAULT_MODELS,
    run_folder: RunFolder = DEFAULT_RUN_FOLDER,
    as_json: Json = False,
) -> None:
    """Add pictures to the current snapshot: each shard that they belong to gets a small segment more.

    Columns are those of the first catalogue; a new category becomes a new shard. Interrupted, the same command goes on
    where it stopped.

    Example: aisle snapshot add today.csv --wait 127.0.0.1:50051
    """
    from services.cli.console import run
    from services.cli.indexing import IndexJob, run_indexer_somewhere
    from services.cli.snapshots import show_change
    from services.common.errors import SettingsInvalid
    from services.indexer.changing import ChangeReport
    from services.snapshot.store import SnapshotStore

    store = SnapshotStore(snapshot_root)
    before = store.manifest()
    pictures = image_root or Path(before.image_root)
    if image_root is None and not before.image_root:
        raise SettingsInvalid(
            "the snapshot does not know where its pictures lie: give --image-root", field="image_root"
        )
    options = ("--add", "--max-unreadable-share", str(max_unreadable_share))
    run(
        run_indexer_somewhere(IndexJob(catalogue, pictures, snapshot_root, options=options), triton, models, run_folder)
    )
    after = store.manifest()
    show_change(ChangeReport(before, after), _visible(after.snapshot_id, wait, wait_seconds), as_json=as_json)


def delete(
    image_ids: Annotated[list[str] | None, typer.Argument(help="Images to withdraw.", show_default=False)] = None,
    *,
    product: Annotated[
        list[str] | None,
        typer.Option(help="A product to withdraw with all of its images; repeat for more.", show_default=False),
    ] = None,
    images_file: Annotated[
        Path | None, typer.Option(help="A file with one image id per line.", show_default=False)
    ] = None,
    products_file: Annotated[
        Path | None, typer.Option(help="A file with one product id per line.", show_default=False)
    ] = None,
    ignore_unknown: Annotated[
        bool, typer.Option("--ignore-unknown", help="Ids that the snapshot does not have are withdrawn already.")
    ] = False,
    snapshot_root: SnapshotRoot = DEFAULT_SNAPSHOT_ROOT,
    wait: WaitFor = "",
    wait_seconds: WaitSeconds = DEFAULT_WAIT_SECONDS,
    as_json: Json = False,
) -> None:
    """Withdraw images and products from the current snapshot: they are not found any more.

    Examples:
      aisle snapshot delete image-17 image-18

      aisle snapshot delete --products-file sold-out.txt --ignore-unknown
    """
    from services.cli.snapshots import read_ids, show_change
    from services.indexer.withdrawing import Withdrawal, withdraw
    from services.snapshot.writer_lock import default_work_root

    images = [*(image_ids or ()), *(read_ids(images_file) if images_file is not None else ())]
    products = [*(product or ()), *(read_ids(products_file) if products_file is not None else ())]
    if not (images or products):
        raise typer.BadParameter("give image ids, --product, --images-file or --products-file")
    report = withdraw(
        snapshot_root,
        Withdrawal(frozenset(images), frozenset(products)),
        ignore_unknown=ignore_unknown,
        work_root=default_work_root(),
    )
    show_change(report, _visible(report.after.snapshot_id, wait, wait_seconds), as_json=as_json)


def compact(
    *,
    every: Annotated[bool, typer.Option("--all", help="Fold whatever can be folded, not only where it pays.")] = False,
    max_segments: Annotated[int, typer.Option(min=1, help="Fold shards of more segments than this.")] = 4,
    max_withdrawn_share: Annotated[
        float, typer.Option(min=0, max=1, help="Fold shards of whose rows more than this share is withdrawn.")
    ] = 0.2,
    index_factory: Annotated[
        str, typer.Option(help="FAISS's factory string for the new indexes; by default chosen by size.")
    ] = "",
    snapshot_root: SnapshotRoot = DEFAULT_SNAPSHOT_ROOT,
    wait: WaitFor = "",
    wait_seconds: WaitSeconds = DEFAULT_WAIT_SECONDS,
    as_json: Json = False,
) -> None:
    """Fold shards of many segments, or with many withdrawn rows, into one segment each; the answers stay the same.

    Example: aisle snapshot compact --all
    """
    from services.cli.snapshots import show_change
    from services.indexer.building import IndexRules
    from services.indexer.compacting import compact as compact_snapshot
    from services.indexer.compaction import EVERYTHING, CompactionRules
    from services.indexer.display import TerminalProgress
    from services.snapshot.writer_lock import default_work_root

    rules = EVERYTHING if every else CompactionRules(max_segments, max_withdrawn_share)
    with TerminalProgress() as progress:
        report = compact_snapshot(
            snapshot_root,
            rules,
            progress,
            work_root=default_work_root(),
            index_rules=IndexRules(factory=index_factory),
        )
    show_change(report, _visible(report.after.snapshot_id, wait, wait_seconds), as_json=as_json)


def _visible(snapshot_id: str, gateway: str, patience_seconds: float) -> "Visible | None":
    """Wait for a gateway, when that is wanted, and return what came of it."""
    from services.cli.freshness import seconds_until_served
    from services.cli.snapshots import Visible

    if not gateway:
        return None
    return Visible(gateway, seconds_until_served(gateway, snapshot_id, patience_seconds))
