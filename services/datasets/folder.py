"""Any folder tree `category/product/image.jpg` as a dataset folder; trees alike may hold shoppers' photos."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from services.common.errors import CatalogueInvalid
from services.datasets.labelled import GalleryImage, write_dataset
from services.datasets.publishing import folder_in_one_step
from services.datasets.splitting import by_lot
from services.photo.labelled import LabelledPhoto

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})

SHARES = {"train": 0.6, "val": 0.15, "queries": 0.25}
"""How one tree of photos is split: to learn from, to validate with, and to be judged by at the very end."""


def prepare(target: Path, gallery: Path, photos: Mapping[str, Path] | Path | None = None, *, seed: int = 20) -> Path:
    """Make the dataset folder `target` from the tree `gallery`, and from trees of photos if there are any.

    A picture's category and product are its two folders' names, without blanks around them; pictures stay where they
    are. A photo may also lie right in its category's folder: its product is not known then.

    Args:
        target: the folder to make.
        gallery: the catalogue's pictures.
        photos: a tree for each table (`train`, `val`, `queries`), or one tree that is split by lot.
        seed: decides the lots.

    Raises:
        CatalogueInvalid: a tree is missing or has no picture where one is looked for, or a name in it is no label.
    """
    given = {} if photos is None else {"all": photos} if isinstance(photos, Path) else dict(photos)
    trees = {name: tree.resolve() for name, tree in given.items()}
    root = Path(os.path.commonpath([gallery.resolve(), *trees.values()]))
    catalogue = [
        GalleryImage(
            path.relative_to(gallery.resolve()).as_posix(), product, category, path.relative_to(root).as_posix()
        )
        for path, category, product in _images(gallery)
    ]
    tables = {name: _photos(tree, root) for name, tree in trees.items()}
    if "all" in tables:
        tables = _split(tables["all"], seed)
    with folder_in_one_step(target) as folder:
        write_dataset(
            folder,
            name=target.resolve().name,
            image_root=root,
            catalogue=catalogue,
            photos=tables,
            made_from={"adapter": "folder", "gallery": str(gallery.resolve())},
        )
    return target


def _split(photos: list[LabelledPhoto], seed: int) -> dict[str, list[LabelledPhoto]]:
    parts = by_lot([(photo.category, photo.product_id) for photo in photos], list(SHARES.values()), seed)
    return {
        name: [photo for photo, part in zip(photos, parts, strict=True) if part == number]
        for number, name in enumerate(SHARES)
    }


def _photos(tree: Path, root: Path) -> list[LabelledPhoto]:
    return [
        LabelledPhoto(path.relative_to(root).as_posix(), category, product)
        for path, category, product in _images(tree, without_product=True)
    ]


def _images(tree: Path, *, without_product: bool = False) -> Iterator[tuple[Path, str, str]]:
    """Yield each picture's path with its category and its product, in the paths' order."""
    depths = (2, 3) if without_product else (3,)
    top = tree.resolve()
    found = sorted(
        path
        for depth in depths
        for path in top.glob("/".join("*" * depth))
        if path.suffix.lower() in IMAGE_SUFFIXES and not path.is_dir()
    )
    if not found:
        raise CatalogueInvalid(f"{tree} holds no pictures: it needs <category>/<product>/<image>.jpg, .png or .webp")
    for path in found:
        category, *product = path.relative_to(top).parts[:-1]
        if not all(name.strip() for name in (category, *product)):
            raise CatalogueInvalid(f"{path}: a folder's name is a label, and can't be blank")
        try:
            str(path).encode()
        except UnicodeEncodeError:
            raise CatalogueInvalid(f"{str(path)!a}: the name is not UTF-8; rename it") from None
        yield path, category.strip(), "".join(product).strip()
