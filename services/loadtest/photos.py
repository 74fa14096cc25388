"""The photos of a run: of a dataset, of a folder, or made up; as a sender loads them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from services.common.channels import MAX_PHOTO_BYTES
from services.common.errors import CatalogueInvalid, ImageTooLarge, ImageUnreadable
from services.datasets.labelled import read_dataset
from services.evaluation.observation import queries_of
from services.loadtest.scenario import Photos
from services.loadtest.synthetic import synthetic_jpeg
from services.photo.labelled import read_photos

SYNTHETIC_PHOTOS = 16
"""Different ones: more would only fill memory, for the gateway keeps nothing of a photo."""

_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
_MOST_BYTES = 256_000_000


@dataclass(frozen=True, slots=True)
class Source:
    """Photos that are known, and not yet read.

    Attributes:
        paths: files; empty for made-up photos.
        products: what is on each photo, by place; empty where nobody compares.
        synthetic_bytes: size of made-up photos; 0 for files.
        seed: of made-up photos.
        words: where they come from, for the report.
    """

    paths: tuple[str, ...]
    products: tuple[tuple[str, ...], ...]
    synthetic_bytes: int
    seed: int
    words: str

    def __len__(self) -> int:
        return len(self.paths) or SYNTHETIC_PHOTOS

    @property
    def is_labelled(self) -> bool:
        """Whether answers can be compared with labels."""
        return any(self.products)


def find_photos(photos: Photos, seed: int) -> Source:
    """Find the photos of a scenario; every file is looked at, none is read.

    Raises:
        CatalogueInvalid: the dataset is none, lacks the table, or has no product where recall is asked for.
        ImageUnreadable: the folder does not exist or holds no photo, or a file is missing.
        ImageTooLarge: a photo that no gateway takes, or all together more than a sender should hold.
    """
    if photos.synthetic_kb is not None:
        size = round(photos.synthetic_kb * 1000)
        words = f"{SYNTHETIC_PHOTOS} made-up JPEG files of {photos.synthetic_kb:g} kB"
        return Source((), (), size, seed, words)
    if photos.folder is not None:
        paths = _files_below(photos.folder)
        return Source(tuple(map(str, paths)), (), 0, seed, f"{photos.folder}: {_sizes(paths)}")
    assert photos.dataset is not None
    return _of_dataset(photos, photos.dataset, seed)


def load_photos(source: Source) -> list[bytes]:
    """Return the photos' encoded bytes, in order.

    Raises:
        ImageUnreadable: a file can't be read.
    """
    if source.synthetic_bytes:
        return [synthetic_jpeg(source.synthetic_bytes, source.seed + n) for n in range(SYNTHETIC_PHOTOS)]
    return [_read(path) for path in source.paths]


def _of_dataset(photos: Photos, folder: Path, seed: int) -> Source:
    dataset = read_dataset(folder)
    table: Path | None = getattr(dataset, photos.table)
    if table is None:
        raise CatalogueInvalid(f"dataset {folder} has no table {photos.table!r}", field="photos.table")
    queries = queries_of(read_photos(table, dataset.image_root))
    paths = [dataset.image_root / query.photo_path for query in queries]
    products = tuple(query.products for query in queries)
    if photos.recall and not any(products):
        raise CatalogueInvalid(
            f"{table}: no photo is labelled with a product, and recall is asked for", field="photos.recall"
        )
    words = f"{photos.table} of {dataset.name}: {_sizes(paths)}"
    return Source(tuple(map(str, paths)), () if photos.recall is False else products, 0, seed, words)


def _files_below(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise ImageUnreadable(f"{folder} is no folder of photos", field="photos.folder")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES and path.is_file())
    if not paths:
        raise ImageUnreadable(f"{folder} holds no JPEG, PNG or WebP file", field="photos.folder")
    return paths


def _sizes(paths: Sequence[Path]) -> str:
    """Look at every file, and say how many and how large they are."""
    sizes = list[int]()
    for path in paths:
        try:
            sizes.append(path.stat().st_size)
        except OSError as error:
            raise ImageUnreadable(f"{path}: {error.strerror}", field="photos") from None
        if sizes[-1] > MAX_PHOTO_BYTES:
            raise ImageTooLarge(f"{path} has more than {MAX_PHOTO_BYTES:,} bytes", field="photos")
    if sum(sizes) > _MOST_BYTES:
        raise ImageTooLarge(
            f"the photos have {sum(sizes):,} bytes together, and every sender holds them: {_MOST_BYTES:,} at most",
            field="photos",
        )
    return f"{len(sizes):,} files of {sum(sizes) / len(sizes) / 1000:.1f} kB on average"


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ImageUnreadable(f"{path}: {error.strerror}", field="photos") from None
