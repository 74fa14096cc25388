"""Any folder tree `category/product/image.jpg` as a dataset folder; a second tree alike may hold query photos."""

import os
from collections.abc import Iterator
from pathlib import Path

from services.common.errors import DatasetUnavailable
from services.datasets.labelled import GalleryImage, LabelledPhoto, write_dataset
from services.datasets.publishing import folder_in_one_step

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})


def prepare(target: Path, gallery: Path, queries: Path | None = None) -> Path:
    """Make the dataset folder `target` from the tree `gallery`, and from the tree `queries` if there is one.

    A picture's category and product are its two folders' names; pictures stay where they are.

    Raises:
        DatasetUnavailable: a tree is missing or has no `category/product/image` in it.
    """
    root = Path(os.path.commonpath([tree.resolve() for tree in (gallery, queries) if tree is not None]))
    catalogue = [
        GalleryImage(
            path.relative_to(gallery.resolve()).as_posix(), product, category, path.relative_to(root).as_posix()
        )
        for path, category, product in _images(gallery)
    ]
    photos = [
        LabelledPhoto(path.relative_to(root).as_posix(), category, product)
        for path, category, product in (_images(queries) if queries is not None else ())
    ]
    with folder_in_one_step(target) as folder:
        write_dataset(
            folder,
            name=gallery.resolve().name,
            image_root=root,
            catalogue=catalogue,
            photos={"queries": photos},
            made_from={"adapter": "folder", "gallery": str(gallery.resolve())},
        )
    return target


def _images(tree: Path) -> Iterator[tuple[Path, str, str]]:
    """Yield each picture's path with its category and its product, in the paths' order."""
    found = sorted(path for path in tree.resolve().glob("*/*/*") if path.suffix.lower() in IMAGE_SUFFIXES)
    if not found:
        raise DatasetUnavailable(f"{tree} holds no pictures: it needs <category>/<product>/<image>.jpg, .png or .webp")
    for path in found:
        yield path, path.parts[-3], path.parts[-2]
