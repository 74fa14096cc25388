"""Fashion-MNIST's four files: found where Debian's package puts them, or fetched, and checked by digest."""

import gzip
import hashlib
import shutil
import subprocess
import urllib.request
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from services.common.errors import DatasetUnavailable

Split = Literal["train", "test"]
Fetcher = Callable[[Path], Path]
"""Puts the files into the cache folder that it is given and returns where they lie."""

CATEGORIES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
"""The ten categories in the order of the dataset's labels."""

DEBIAN_PACKAGE = "dataset-fashion-mnist"
DEBIAN_FOLDER = Path("usr/share/datasets/fashion-mnist")
AUTHORS_FOLDER = Path("authors")
AUTHORS_SITE = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"

# SHA-256 of the unpacked contents: Debian packs them anew, so the authors' digests of the .gz files don't fit there.
_SHA256 = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
_STEMS: dict[Split, str] = {"train": "train", "test": "t10k"}
_FETCH_SECONDS = 120.0


@dataclass(frozen=True)
class FashionSplit:
    """One split: `images` uint8 [N, 28, 28], the product bright on black; `labels` uint8 [N], into `CATEGORIES`."""

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]


def read_split(folder: Path, split: Split) -> FashionSplit:
    """Read one split from the folder that `locate` found.

    Raises:
        DatasetUnavailable: a file is missing, damaged, or not what its authors published.
    """
    images, labels = (
        _contents(folder, f"{_STEMS[split]}-{kind}") for kind in ("images-idx3-ubyte", "labels-idx1-ubyte")
    )
    # IDX: a big-endian header of 16 bytes for images and 8 for labels, then the bytes; the digest vouches for it.
    return FashionSplit(
        images=np.frombuffer(images, np.uint8, offset=16).reshape(-1, 28, 28),
        labels=np.frombuffer(labels, np.uint8, offset=8),
    )


def _contents(folder: Path, name: str) -> bytes:
    path = folder / f"{name}.gz"
    try:
        contents = gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise DatasetUnavailable(f"{path} can't be read: {error}") from error
    if hashlib.sha256(contents).hexdigest() != _SHA256[name]:
        raise DatasetUnavailable(f"{path} is not the file that Fashion-MNIST's authors published (SHA-256 differs)")
    return contents


def locate(cache: Path, system_root: Path = Path("/"), fetchers: Mapping[str, Fetcher] | None = None) -> Path:
    """Return a folder with the four checked files, fetching them into `cache` when there is none yet.

    Args:
        cache: where fetched files stay for the next time.
        system_root: where Debian's packages are installed.
        fetchers: by name, what to try when nothing is found; Debian and the authors' site when None.

    Returns:
        The folder, for `read_split`.

    Raises:
        DatasetUnavailable: no way worked; the message lists what was tried and what to do.
    """
    ways: dict[str, Fetcher] = {
        f"Debian's package {DEBIAN_PACKAGE}, installed": lambda _: system_root / DEBIAN_FOLDER,
        "an earlier download from Debian": lambda cache: cache / DEBIAN_FOLDER,
        "an earlier download from the authors": lambda cache: cache / AUTHORS_FOLDER,
        **(_FETCHERS if fetchers is None else fetchers),
    }
    tried = []
    for name, way in ways.items():
        try:
            folder = way(cache)
            for file in _SHA256:
                _contents(folder, file)
        except (DatasetUnavailable, OSError, subprocess.SubprocessError) as error:
            tried.append(f"  - {name}: {error}")
        else:
            return folder
    raise DatasetUnavailable(
        "Fashion-MNIST could not be found or fetched. Tried:\n" + "\n".join(tried) + "\n"
        f"Install it with `sudo apt-get install {DEBIAN_PACKAGE}`, or put the four files from {AUTHORS_SITE} into "
        f"{cache / AUTHORS_FOLDER}: " + ", ".join(f"{file}.gz" for file in _SHA256)
    )


def _from_debian(cache: Path) -> Path:
    """Download and unpack Debian's package without root."""
    apt, dpkg = shutil.which("apt-get"), shutil.which("dpkg-deb")
    if not apt or not dpkg:
        raise DatasetUnavailable("this machine has no apt-get and dpkg-deb")
    cache.mkdir(parents=True, exist_ok=True)
    _run([apt, "download", "--quiet", DEBIAN_PACKAGE], cache)
    package = max(cache.glob(f"{DEBIAN_PACKAGE}_*.deb"), key=lambda path: path.stat().st_mtime)
    _run([dpkg, "--extract", package.name, "."], cache)  # both relative: commands run inside the cache
    package.unlink()
    return cache / DEBIAN_FOLDER


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(  # noqa: S603 - a fixed program with fixed arguments
        command, cwd=folder, capture_output=True, text=True, timeout=_FETCH_SECONDS, check=False
    )
    if done.returncode:
        last_line = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-1]
        raise DatasetUnavailable(f"{Path(command[0]).name} ended with status {done.returncode}: {last_line}")


def _from_authors(cache: Path) -> Path:
    """Download the four files over HTTP; the digests make up for what HTTP does not protect."""
    folder = cache / AUTHORS_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for name in _SHA256:
        with urllib.request.urlopen(f"{AUTHORS_SITE}/{name}.gz", timeout=_FETCH_SECONDS) as answer:  # noqa: S310
            part = folder / f"{name}.part"
            part.write_bytes(answer.read())
            part.replace(folder / f"{name}.gz")
    return folder


_FETCHERS: dict[str, Fetcher] = {
    f"apt-get download {DEBIAN_PACKAGE}": _from_debian,
    f"the authors' site, {AUTHORS_SITE}": _from_authors,
}
