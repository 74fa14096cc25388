"""Fashion-MNIST as a dataset folder: studio pictures as the gallery, photos by the camera model as queries.

Gallery, queries and held-out photos to fit scores to come from the test split (unless told otherwise), photos for
training always from the training split: a classifier trained on them has never seen a product of the gallery.
"""

import functools
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from services.datasets.camera import Camera, photograph
from services.datasets.cutout import Picture
from services.datasets.fashion_source import CATEGORIES, FashionSplit, Split, locate, read_split
from services.datasets.labelled import GalleryImage, write_dataset
from services.datasets.publishing import folder_in_one_step, is_finished
from services.photo.labelled import LabelledPhoto

T = TypeVar("T")
Progress = Callable[[str, int, int], None]
"""Called with the stage's name, the pictures done and their total."""

_REVISION = 2  # raise it when the same options would give other files
_UPSCALE = 8  # 28 pixels become 224, what the embedder sees
_COMPANIONS = 4  # products at hand to lie in the background of a photo


@dataclass(frozen=True)
class FashionOptions:
    """How much of Fashion-MNIST to prepare."""

    split: Split = "test"
    """Where gallery and queries come from; `train` is for those who fit models and must not look at `test`."""
    products: int = 6000
    """Gallery products: the first ones of the split."""
    queries: int = 600
    """Query photos, each of another gallery product."""
    train_photos: int = 0
    """Photos of the training split, spread evenly over the categories; only training needs them."""
    val_photos: int = 400
    """Photos of further gallery products, neither queries' nor `train_photos`'; fewer where there are no more."""
    seed: int = 20
    """Decides which products are photographed, and how."""


def prepare(
    target: Path, cache: Path, options: FashionOptions | None = None, progress: Progress = lambda *_: None
) -> Path:
    """Make the dataset folder `target`, or leave it when it is already there with the same options.

    Args:
        target: the dataset folder.
        cache: folder that keeps the downloaded files.
        options: how much to prepare; `FashionOptions()` when None.
        progress: told about every picture done.

    Returns:
        `target`.

    Raises:
        DatasetUnavailable: the files can't be found or fetched.
        ValueError: more is asked for than the splits hold.
    """
    source = functools.cache(lambda: locate(cache))
    return build(target, lambda split: read_split(source(), split), options or FashionOptions(), progress)


def build(target: Path, read: Callable[[Split], FashionSplit], options: FashionOptions, progress: Progress) -> Path:
    """Make the dataset folder from splits that `read` returns; it is only called when there is something to do."""
    made_from = _fingerprint(options)
    if is_finished(target, made_from):
        return target
    shown = read(options.split)
    queries, others = _choose_queries(options, len(shown.labels))
    shots = [("queries", options.split, shown, queries)]
    if options.train_photos:
        train = read("train")
        chosen = _choose_training(options, train.labels)
        shots.append(("train", "train", train, chosen))
        if options.split == "train":
            others = others[~np.isin(others, chosen)]
    if options.val_photos:
        shots.append(("val", options.split, shown, others[: options.val_photos]))
    with folder_in_one_step(target) as folder:
        catalogue = _write_gallery(folder, shown, options, progress)
        photos = {
            table: _take_photos(folder, source, split, table, products, seed=options.seed, progress=progress)
            for table, split, source, products in shots
        }
        write_dataset(
            folder,
            name="fashion-mnist" if options.split == "test" else "fashion-mnist (training split)",
            image_root=PurePosixPath("."),
            catalogue=catalogue,
            photos=photos,
            made_from=made_from,
        )
    return target


def _fingerprint(options: FashionOptions) -> dict[str, Any]:
    """Return all that decides about the files, as JSON will give it back (lists, no tuples)."""
    camera = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(Camera()).items()}
    return {"adapter": "fashion-mnist", "revision": _REVISION, "camera": camera, **asdict(options)}


def studio_picture(image: NDArray[np.uint8]) -> Picture:
    """Turn a 28x28 image (bright on black) into the studio picture it was made from: 224x224 grey on white."""
    return np.asarray(cv2.resize(255 - image, None, fx=_UPSCALE, fy=_UPSCALE, interpolation=cv2.INTER_CUBIC), np.uint8)


def product_name(split: Split, index: int) -> str:
    """Return the product id of the image at `index` of a split."""
    return f"{split}-{index:05d}"


def _choose_queries(options: FashionOptions, available: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the gallery products that are photographed as queries, and the others, in an order by lot."""
    if not 1 <= options.products <= available:
        raise ValueError(f"products must be 1 to {available}, not {options.products}")
    if not 0 <= options.queries <= options.products:
        raise ValueError(f"queries must be 0 to {options.products} (one per product), not {options.queries}")
    if options.val_photos < 0:
        raise ValueError(f"val_photos must be at least 0, not {options.val_photos}")
    order = np.random.default_rng(options.seed).permutation(options.products)
    return order[: options.queries], order[options.queries :]


def _choose_training(options: FashionOptions, labels: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Choose products of the training split, spread over the categories as evenly as it goes."""
    if not 0 <= options.train_photos <= len(labels):
        raise ValueError(f"train_photos must be at most {len(labels)}, not {options.train_photos}")
    order = np.random.default_rng(options.seed).permutation(len(labels))
    ranks = np.empty(len(labels), np.int64)  # a product's place among those of its category
    for label in range(len(CATEGORIES)):
        members = order[labels[order] == label]
        ranks[members] = np.arange(len(members))
    return order[np.argsort(ranks[order], kind="stable")][: options.train_photos]


def _write_gallery(
    folder: Path, shown: FashionSplit, options: FashionOptions, progress: Progress
) -> list[GalleryImage]:
    (folder / "gallery").mkdir()

    def write(index: int) -> GalleryImage:
        name, image = product_name(options.split, index), shown.images[index]
        path = f"gallery/{name}.png"
        _, file = cv2.imencode(".png", studio_picture(image), [cv2.IMWRITE_PNG_COMPRESSION, 1])
        (folder / path).write_bytes(file.tobytes())
        return GalleryImage(name, name, CATEGORIES[shown.labels[index]], path, {"shade": _shade(image)})

    return list(_in_parallel(write, range(options.products), lambda done: progress("gallery", done, options.products)))


def _shade(image: NDArray[np.uint8]) -> str:
    """Name how dark the product is, for a catalogue attribute: `dark`, `medium` or `light`."""
    darkness = float(image[image > 0].mean()) if image.any() else 0.0
    return "dark" if darkness > 170 else "medium" if darkness > 85 else "light"  # noqa: PLR2004 - thirds of 255


def _take_photos(
    folder: Path,
    source: FashionSplit,
    split: Split,
    table: str,
    chosen: NDArray[np.int64],
    *,
    seed: int,
    progress: Progress,
) -> list[LabelledPhoto]:
    """Photograph the chosen products into `folder`/`table`; each photo has its own seed, so order doesn't matter."""
    (folder / table).mkdir()

    def take(index: int) -> LabelledPhoto:
        rng = np.random.default_rng((seed, ("queries", "train", "val").index(table), index))
        others = [studio_picture(source.images[i]) for i in rng.integers(len(source.labels), size=_COMPANIONS)]
        path = f"{table}/{product_name(split, index)}.jpg"
        (folder / path).write_bytes(photograph(studio_picture(source.images[index]), rng, others=others))
        return LabelledPhoto(path, CATEGORIES[source.labels[index]], product_name(split, index))

    return list(_in_parallel(take, chosen.tolist(), lambda done: progress(table, done, len(chosen))))


def _in_parallel(work: Callable[[int], T], items: Sequence[int], done: Callable[[int], None]) -> Iterator[T]:
    """Yield `work` of each item in order, on all cores: OpenCV and file writing release the interpreter's lock."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for number, result in enumerate(pool.map(work, items), start=1):
            done(number)
            yield result
