"""Picture files: found, kept inside their root, read, or skipped with a reason."""

import os
from pathlib import Path

import numpy as np
import pytest

from services.common.errors import CatalogueInvalid
from services.indexer.catalogue import Catalogue, read_catalogue
from services.indexer.pictures import Picture, Skipped, read_pixels, survey
from services.photo.header import PhotoLimits
from tests.support.galleries import make_gallery
from tests.support.pictures import encoded, scene


def _catalogue(folder: Path, *paths: str) -> Catalogue:
    lines = ["image_id,product_id,category,image_path", *(f"{n},p,Bag,{path}" for n, path in enumerate(paths))]
    (folder / "catalogue.csv").write_text("\n".join(lines), encoding="utf-8")
    return read_catalogue(folder / "catalogue.csv")


def _picture(path: Path) -> Picture:
    return Picture(3, path, path.stat().st_size, path.stat().st_mtime_ns)


def test_a_survey_finds_every_picture_with_size_and_time(tmp_path: Path) -> None:
    """What is found carries the facts by which a later run sees that a file was replaced."""
    gallery = make_gallery(tmp_path, {"Bag": 3})
    pictures, skipped = survey(read_catalogue(gallery.catalogue), gallery.image_root)
    assert skipped == []
    for row, picture in enumerate(pictures):
        status = (gallery.image_root / gallery.image_paths[row]).stat()
        assert (picture.row, picture.size_bytes, picture.modified_ns) == (row, status.st_size, status.st_mtime_ns)


def test_what_is_no_file_is_skipped_with_a_reason(tmp_path: Path) -> None:
    """A missing picture, a folder, a pipe (which would block for ever) and links in a circle."""
    root = tmp_path / "images"
    (root / "folder").mkdir(parents=True)
    os.mkfifo(root / "pipe")
    (root / "circle").symlink_to("circle")
    _, skipped = survey(_catalogue(tmp_path, "missing.jpg", "folder", "pipe", "circle"), root)
    assert [one.row for one in skipped] == [0, 1, 2, 3]
    assert [one.reason for one in skipped[:3]] == ["No such file or directory", *["not a regular file"] * 2]


@pytest.mark.parametrize("path", ["link.jpg", "linked/secret.jpg"])
def test_a_link_out_of_the_root_is_refused_with_its_row(tmp_path: Path, path: str) -> None:
    """A catalogue can't index what lies beside its pictures, neither by a linked file nor by a linked folder."""
    root, outside = tmp_path / "images", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (outside / "secret.jpg").write_bytes(encoded(scene()))
    (root / "link.jpg").symlink_to(outside / "secret.jpg")
    (root / "linked").symlink_to(outside)
    (root / "fine.jpg").write_bytes(encoded(scene()))
    with pytest.raises(CatalogueInvalid, match=r"catalogue\.csv, row 3: .* leads outside the image root"):
        survey(_catalogue(tmp_path, "fine.jpg", path), root)


def test_a_link_within_the_root_is_fine(tmp_path: Path) -> None:
    """Two names for one picture are the shop's business."""
    root = tmp_path / "images"
    root.mkdir()
    (root / "fine.jpg").write_bytes(encoded(scene()))
    (root / "also.jpg").symlink_to("fine.jpg")
    pictures, skipped = survey(_catalogue(tmp_path, "also.jpg"), root)
    assert (len(pictures), skipped) == (1, [])


def test_a_root_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    """A typing error in the root is one clear error, not a list of every picture."""
    with pytest.raises(CatalogueInvalid, match="nowhere is no folder"):
        survey(_catalogue(tmp_path, "1.jpg"), tmp_path / "nowhere")


def test_a_picture_becomes_pixels_of_the_models_size(tmp_path: Path) -> None:
    """RGB, in the height and width that were asked for."""
    (tmp_path / "scene.png").write_bytes(encoded(scene(96, 64), "PNG"))
    pixels = read_pixels(_picture(tmp_path / "scene.png"), height=6, width=4)
    assert isinstance(pixels, np.ndarray)
    assert pixels.shape == (6, 4, 3)
    assert pixels.dtype == np.uint8
    assert pixels[0, -1, 0] > pixels[0, 0, 0] + 150, "red grows to the right: the channels are RGB"


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "no bytes"), (b"GIF89a...", "no readable"), (encoded(scene())[:200], "truncated|no readable")],
)
def test_an_unreadable_picture_is_skipped_with_a_reason(tmp_path: Path, content: bytes, words: str) -> None:
    """Empty, of another format, or truncated."""
    (tmp_path / "bad.jpg").write_bytes(content)
    skipped = read_pixels(_picture(tmp_path / "bad.jpg"), height=8, width=8)
    assert isinstance(skipped, Skipped)
    assert skipped.row == 3
    assert any(word in skipped.reason for word in words.split("|"))


def test_a_file_over_the_limit_is_never_read(tmp_path: Path) -> None:
    """A disk image that got into the catalogue must not fill the memory first: its size alone decides."""
    path = tmp_path / "huge.jpg"
    path.touch()
    os.truncate(path, PhotoLimits().max_bytes + 1)
    picture = _picture(path)
    path.unlink()
    skipped = read_pixels(picture, height=8, width=8)
    assert isinstance(skipped, Skipped)
    assert "20,000,001 bytes" in skipped.reason


def test_a_picture_that_vanished_is_skipped(tmp_path: Path) -> None:
    """Between the survey and its turn a file may go."""
    (tmp_path / "gone.jpg").write_bytes(b"1")
    picture = _picture(tmp_path / "gone.jpg")
    (tmp_path / "gone.jpg").unlink()
    assert read_pixels(picture, height=8, width=8) == Skipped(3, "No such file or directory")
