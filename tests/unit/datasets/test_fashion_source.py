"""Finding Fashion-MNIST's files, without a network: what was tried is said, what is damaged is refused."""

import gzip
from pathlib import Path

import pytest

from services.common.errors import DatasetUnavailable
from services.datasets.fashion_source import DEBIAN_FOLDER, locate, read_split


def test_nothing_found_says_what_was_tried_and_what_to_do(tmp_path: Path) -> None:
    """A newcomer without the files reads how to get them."""

    def fails(_: Path) -> Path:
        raise DatasetUnavailable("no network today")

    with pytest.raises(DatasetUnavailable) as caught:
        locate(tmp_path / "cache", tmp_path / "root", {"the moon": fails})
    assert "the moon: no network today" in caught.value.message
    assert "Debian's package dataset-fashion-mnist, installed" in caught.value.message
    assert "sudo apt-get install dataset-fashion-mnist" in caught.value.message


def test_file_with_other_contents_is_refused(tmp_path: Path) -> None:
    """A file of the right name is not trusted: its digest must be the published one."""
    folder = tmp_path / DEBIAN_FOLDER
    folder.mkdir(parents=True)
    for stem in ("train", "t10k"):
        for kind in ("images-idx3-ubyte", "labels-idx1-ubyte"):
            (folder / f"{stem}-{kind}.gz").write_bytes(gzip.compress(b"other"))
    with pytest.raises(DatasetUnavailable, match="SHA-256 differs"):
        read_split(folder, "test")
    with pytest.raises(DatasetUnavailable, match="SHA-256 differs"):
        locate(tmp_path / "cache", tmp_path, {})


def test_truncated_file_is_refused(tmp_path: Path) -> None:
    """Half a download is damage with a name, not a traceback."""
    (tmp_path / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(b"x" * 5000)[:20])
    with pytest.raises(DatasetUnavailable, match=r"t10k-images-idx3-ubyte\.gz can't be read"):
        read_split(tmp_path, "test")
