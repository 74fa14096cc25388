"""`aisle index`: a catalogue becomes a snapshot."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.commands.options import (
    DEFAULT_MODELS,
    DEFAULT_RUN_FOLDER,
    DEFAULT_SNAPSHOT_ROOT,
    IndexFactory,
    IndexMemory,
    IndexRecall,
    Json,
    Models,
    RunFolder,
    SnapshotRoot,
    Triton,
    WorkRoot,
)

if TYPE_CHECKING:
    from services.cli.indexing import IndexJob


def index(
    dataset_folder: Annotated[
        Path | None, typer.Argument(help="A dataset folder, as `aisle dataset` makes it.", show_default=False)
    ] = None,
    *,
    catalogue: Annotated[
        Path | None, typer.Option(help="A catalogue of your own: CSV or Parquet (docs/catalogue.md).")
    ] = None,
    image_root: Annotated[
        Path | None, typer.Option(help="Folder that the catalogue's picture paths are relative to.")
    ] = None,
    photos: Annotated[
        Path | None,
        typer.Option(
            help="Labelled photos (CSV) to fit scores to, held out from training; a dataset folder's `val` by default.",
            show_default=False,
        ),
    ] = None,
    photos_root: Annotated[
        Path | None,
        typer.Option(
            help="Folder that the photos' paths are relative to; the image root by default.", show_default=False
        ),
    ] = None,
    no_photos: Annotated[bool, typer.Option("--no-photos", help="Fit no scores.")] = False,
    snapshot_root: SnapshotRoot = DEFAULT_SNAPSHOT_ROOT,
    baseline: Annotated[bool, typer.Option(help="Also build the one index over the whole gallery.")] = True,
    max_unreadable_share: Annotated[
        float, typer.Option(help="Fail when more pictures than this can't be read.")
    ] = 0.01,
    index_factory: IndexFactory = None,
    index_recall: IndexRecall = None,
    index_memory_mb: IndexMemory = None,
    replace_current: Annotated[
        bool,
        typer.Option("--replace", help="Publish also over what became current meanwhile, and over a damaged CURRENT."),
    ] = False,
    work_root: WorkRoot = None,
    triton: Triton = "",
    models: Models = DEFAULT_MODELS,
    run_folder: RunFolder = DEFAULT_RUN_FOLDER,
    as_json: Json = False,
) -> None:
    """Embed a catalogue's pictures, build one index per category, publish them as the current snapshot.

    With labelled photos it also learns what scores are worth, and how far to trust the classifier that serves.
    Takes the Triton of the running system when there is one. Interrupted, the same command goes on where it stopped.
    What somebody else has published meanwhile is not replaced: the command fails and says so.

    Examples:
      aisle index build/datasets/fashion-mnist

      aisle index --catalogue shop.parquet --image-root /pictures --snapshot-root s3://shop/aisle
    """
    from services.cli.console import messages, print_json, results, run
    from services.cli.indexing import given, run_indexer_somewhere
    from services.snapshot.store import SnapshotStore
    from services.snapshot.words import relevance_words

    options = (
        f"--{'' if baseline else 'no-'}baseline",
        *(("--replace",) if replace_current else ()),
        *given(
            max_unreadable_share=max_unreadable_share,
            index_factory=index_factory,
            index_recall=index_recall,
            index_memory_mb=index_memory_mb,
            work_root=work_root,
        ),
    )
    job = _with_photos(
        _job(dataset_folder, catalogue, image_root, snapshot_root), photos, photos_root, no_photos=no_photos
    )
    job = replace(job, options=options)
    published = run(run_indexer_somewhere(job, triton, models, run_folder))
    manifest = SnapshotStore(snapshot_root).manifest(published.snapshot_id)
    images = sum(shard.images for shard in manifest.category_shards)
    if as_json:
        fitted = 0 if manifest.relevance is None else manifest.relevance.photos
        facts = {"snapshot_id": manifest.snapshot_id, "images": images, "skipped_images": manifest.skipped_images}
        print_json({**facts, "photos_fitted_to": fitted})
        return
    skipped = f", {manifest.skipped_images:,} skipped" if manifest.skipped_images else ""
    results().print(
        f"snapshot {manifest.snapshot_id}: {images:,} images in {len(manifest.category_shards)} categories{skipped}"
    )
    messages().print(relevance_words(manifest.relevance), markup=False, soft_wrap=True)
    if job.photos is None:
        messages().print("hint: give labelled photos of products in the catalogue with --photos (docs/catalogue.md)")


def _job(
    dataset_folder: Path | None,
    catalogue: Path | None,
    image_root: Path | None,
    snapshot_root: str,
) -> "IndexJob":
    from services.cli.indexing import IndexJob
    from services.datasets.labelled import read_dataset

    if dataset_folder is not None and catalogue is None and image_root is None:
        dataset = read_dataset(dataset_folder)
        return IndexJob(dataset.catalogue, dataset.image_root, snapshot_root, dataset.name, dataset.val)
    if dataset_folder is None and catalogue is not None and image_root is not None:
        return IndexJob(catalogue, image_root, snapshot_root)
    raise typer.BadParameter("give a dataset folder, or --catalogue and --image-root")


def _with_photos(job: "IndexJob", photos: Path | None, photos_root: Path | None, *, no_photos: bool) -> "IndexJob":
    if photos is None and photos_root is not None:
        raise typer.BadParameter("--photos-root says where the photos of --photos are: give that, too")
    if no_photos and photos is not None:
        raise typer.BadParameter("give --photos or --no-photos, not both")
    if no_photos:
        return replace(job, photos=None)
    return job if photos is None else replace(job, photos=photos, photos_root=photos_root)
