"""`aisle snapshot add | delete | compact`: a new snapshot that shares with the one before what did not change."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.commands.options import (
    DEFAULT_MODELS,
    DEFAULT_RUN_FOLDER,
    DEFAULT_SNAPSHOT_ROOT,
    DEFAULT_WAIT_SECONDS,
    IndexFactory,
    IndexMemory,
    IndexRecall,
    Json,
    Models,
    RunFolder,
    SnapshotRoot,
    Triton,
    WaitFor,
    WaitSeconds,
    WorkRoot,
)

if TYPE_CHECKING:
    from services.indexer.changing import ChangeReport


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
    ignore_existing: Annotated[
        bool, typer.Option("--ignore-existing", help="Pass over pictures that the snapshot has already.")
    ] = False,
    work_root: WorkRoot = None,
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
    from services.cli.indexing import IndexJob, given, run_indexer_somewhere
    from services.common.errors import SettingsInvalid
    from services.indexer.changing import ChangeReport
    from services.snapshot.store import SnapshotStore

    store = SnapshotStore(snapshot_root)
    snapshots_image_root = store.manifest().image_root
    if image_root is None and not snapshots_image_root:
        raise SettingsInvalid(
            "the snapshot does not know where its pictures lie: give --image-root", field="image_root"
        )
    options = (
        "--add",
        *(("--ignore-existing",) if ignore_existing else ()),
        *given(max_unreadable_share=max_unreadable_share, work_root=work_root),
    )
    job = IndexJob(catalogue, image_root or Path(snapshots_image_root), snapshot_root, options=options)
    published = run(run_indexer_somewhere(job, triton, models, run_folder))
    after = store.manifest(published.snapshot_id)
    before = after if published.published_at is None else store.manifest(after.parent)
    report = ChangeReport(before, after, published.published_at)
    _tell(report, snapshot_root, wait, wait_seconds, as_json=as_json)


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
    work_root: WorkRoot = None,
    wait: WaitFor = "",
    wait_seconds: WaitSeconds = DEFAULT_WAIT_SECONDS,
    as_json: Json = False,
) -> None:
    """Withdraw images and products from the current snapshot: they are not found any more.

    Examples:
      aisle snapshot delete image-17 image-18

      aisle snapshot delete --products-file sold-out.txt --ignore-unknown
    """
    from services.cli.snapshots import read_ids
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
        work_root=work_root or default_work_root(),
    )
    _tell(report, snapshot_root, wait, wait_seconds, as_json=as_json)


def compact(
    *,
    every: Annotated[bool, typer.Option("--all", help="Fold whatever can be folded, not only where it pays.")] = False,
    max_segments: Annotated[
        int, typer.Option(min=1, help="Fold the small segments of shards with more than this.")
    ] = 4,
    max_withdrawn_share: Annotated[
        float, typer.Option(min=0, max=1, help="Fold segments of whose rows more than this share is withdrawn.")
    ] = 0.2,
    max_tail_share: Annotated[
        float,
        typer.Option(
            min=0, help="Fold the largest segment, too, when the others have more than this share of its rows."
        ),
    ] = 0.25,
    index_factory: IndexFactory = None,
    index_recall: IndexRecall = None,
    index_memory_mb: IndexMemory = None,
    snapshot_root: SnapshotRoot = DEFAULT_SNAPSHOT_ROOT,
    work_root: WorkRoot = None,
    wait: WaitFor = "",
    wait_seconds: WaitSeconds = DEFAULT_WAIT_SECONDS,
    as_json: Json = False,
) -> None:
    """Fold many segments, or segments with many withdrawn rows, into one per shard; the answers stay the same.

    A shard's largest segment is folded only when much of it is withdrawn, or the others have grown large. Indexes are
    built as they were wished for the snapshot; what is wished here counts from now on.

    Example: aisle snapshot compact --all
    """
    from services.cli.console import messages
    from services.indexer.compacting import compact as compact_snapshot
    from services.indexer.compaction import EVERYTHING, CompactionRules
    from services.indexer.display import TerminalProgress
    from services.indexer.remarks import index_remarks
    from services.snapshot.index_rules import memory_limit
    from services.snapshot.store import SnapshotStore
    from services.snapshot.writer_lock import default_work_root

    index_rules = (
        SnapshotStore(snapshot_root)
        .manifest()
        .index_rules.wished(index_factory, index_recall, memory_limit(index_memory_mb))
    )
    rules = EVERYTHING if every else CompactionRules(max_segments, max_withdrawn_share, max_tail_share)
    with TerminalProgress() as progress:
        report = compact_snapshot(
            snapshot_root,
            rules,
            progress,
            work_root=work_root or default_work_root(),
            index_rules=index_rules,
        )
    for remark in index_remarks(report.after) if report.published_at is not None else ():
        messages().print(remark, markup=False, soft_wrap=True)
    _tell(report, snapshot_root, wait, wait_seconds, as_json=as_json)


def _tell(report: "ChangeReport", snapshot_root: str, gateway: str, patience_seconds: float, *, as_json: bool) -> None:
    """Write what was done; then wait for a gateway, when that is wanted, and write how soon it answered from it."""
    import time

    from services.cli.freshness import seconds_until_served
    from services.cli.snapshots import show_change, show_visible
    from services.common.errors import SnapshotInvalid, SnapshotNotFound
    from services.snapshot.store import SnapshotStore

    def parent_of(snapshot_id: str) -> str:
        try:
            return SnapshotStore(snapshot_root).manifest(snapshot_id).parent
        except (SnapshotNotFound, SnapshotInvalid):
            return ""

    show_change(report, as_json=as_json)
    if gateway:
        snapshot_id, published_at = report.after.snapshot_id, report.published_at or time.time()
        seconds = seconds_until_served(gateway, snapshot_id, published_at, patience_seconds, parent_of=parent_of)
        show_visible(snapshot_id, gateway, seconds, as_json=as_json)
