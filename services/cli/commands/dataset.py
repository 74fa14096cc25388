"""`aisle dataset`: makes dataset folders from what others publish, or from a folder of pictures."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.commands.options import DEFAULT_DATASETS, Json

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.datasets.labelled import Dataset

dataset = typer.Typer(
    help="Make a dataset folder: a catalogue, its pictures, and labelled photos to search with.",
    no_args_is_help=True,
)


@dataset.command("fashion-mnist")
def fashion_mnist(
    folder: Annotated[Path, typer.Argument(help="The dataset folder to make.")] = DEFAULT_DATASETS / "fashion-mnist",
    *,
    products: Annotated[int, typer.Option(help="Gallery products.")] = 6000,
    queries: Annotated[int, typer.Option(help="Query photos, each of another gallery product.")] = 600,
    train_photos: Annotated[int, typer.Option(help="Photos of the training split; only training needs them.")] = 0,
    val_photos: Annotated[int, typer.Option(help="Photos of further gallery products, to fit scores to.")] = 400,
    seed: Annotated[int, typer.Option(help="Decides which products are photographed, and how.")] = 20,
    cache: Annotated[Path, typer.Option(help="Keeps downloaded files.")] = Path("build/cache"),
    as_json: Json = False,
) -> None:
    """Real articles of a fashion shop (Zalando), photographed by a documented camera model.

    Example: aisle dataset fashion-mnist && aisle index build/datasets/fashion-mnist
    """
    from services.cli.progress import steps
    from services.datasets.fashion_mnist import FashionOptions, prepare

    options = FashionOptions(
        products=products, queries=queries, train_photos=train_photos, val_photos=val_photos, seed=seed
    )
    with steps() as progress:
        _make(lambda: prepare(folder, cache, options, progress), as_json=as_json)


@dataset.command()
def grocery(
    source: Annotated[Path, typer.Argument(help="The Grocery Store dataset: its folder `dataset`.")],
    folder: Annotated[Path, typer.Argument(help="The dataset folder to make.")] = DEFAULT_DATASETS / "grocery",
    *,
    as_json: Json = False,
) -> None:
    """Shoppers' photos of groceries against studio pictures (Klasson et al., WACV 2019).

    Example: aisle dataset grocery GroceryStoreDataset/dataset && aisle index build/datasets/grocery
    """
    from services.datasets.grocery import prepare

    _make(lambda: prepare(folder, source), as_json=as_json)


@dataset.command("folder")
def from_folder(
    gallery: Annotated[Path, typer.Argument(help="A folder tree category/product/image.jpg.")],
    folder: Annotated[Path | None, typer.Argument(help="The dataset folder to make.", show_default=False)] = None,
    *,
    photos: Annotated[
        Path | None,
        typer.Option(help="A tree alike of shoppers' photos: 60 % to train, 15 % to validate, 25 % to search with."),
    ] = None,
    queries: Annotated[Path | None, typer.Option(help="A tree alike, of photos to search with.")] = None,
    train: Annotated[Path | None, typer.Option(help="A tree alike, of photos to learn from (aisle fit).")] = None,
    val: Annotated[Path | None, typer.Option(help="A tree alike, of photos to validate with.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Decides how --photos is split.")] = 20,
    as_json: Json = False,
) -> None:
    """Any folder tree of pictures.

    Examples:
      aisle dataset folder shop/pictures && aisle index build/datasets/pictures

      aisle dataset folder shop/pictures --photos shop/photos
    """
    from services.datasets.folder import prepare

    made = folder or DEFAULT_DATASETS / gallery.resolve().name
    tables = {name: tree for name, tree in (("queries", queries), ("train", train), ("val", val)) if tree is not None}
    if photos is not None and tables:
        raise typer.BadParameter("--photos is split into all three tables: give it, or a tree for each table")
    _make(lambda: prepare(made, gallery, photos or tables, seed=seed), as_json=as_json)


def _make(prepare: "Callable[[], Path]", *, as_json: bool) -> None:
    from services.cli.console import print_json, program, results
    from services.common.errors import InvalidArgument
    from services.datasets.labelled import read_dataset

    try:
        folder = prepare()
    except ValueError as error:  # more is asked for than the dataset holds
        raise InvalidArgument(str(error)) from None
    if as_json:
        print_json({"dataset": str(folder)})
    else:
        made = read_dataset(folder)
        follow = f"fit head {folder} --out build/models" if made.train is not None else f"index {folder}"
        results().print(f"{folder}: {_counts(made)}; next: {program()} {follow}", markup=False, soft_wrap=True)


def _counts(made: "Dataset") -> str:
    from services.indexer.catalogue import read_catalogue
    from services.photo.labelled import by_photo, read_photos

    catalogue = read_catalogue(made.catalogue)
    products, categories = (len(set(catalogue.strings(column))) for column in ("product_id", "category"))
    counts = [
        f"{len(by_photo(read_photos(table, made.image_root))):,} {name}"
        for name, table in (("train", made.train), ("val", made.val), ("queries", made.queries))
        if table is not None
    ]
    photos = f"photos: {', '.join(counts)}" if counts else "no photos"
    return f"{len(catalogue):,} pictures of {products:,} products in {categories:,} categories, {photos}"
