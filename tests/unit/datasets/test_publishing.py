"""Folders appear whole or not at all."""

from pathlib import Path

import pytest

from services.common.errors import CatalogueInvalid
from services.datasets.labelled import GalleryImage, write_dataset
from services.datasets.publishing import folder_in_one_step, is_finished


def _fill(folder: Path, seed: int) -> None:
    write_dataset(
        folder,
        name="x",
        image_root=Path(),
        catalogue=[GalleryImage("i", "p", "c", "i.png")],
        photos={},
        made_from={"seed": seed},
    )


def test_target_appears_only_when_the_block_ends(tmp_path: Path) -> None:
    """While it is being built, nobody sees it; afterwards nothing else is left."""
    target = tmp_path / "made"
    with folder_in_one_step(target) as folder:
        _fill(folder, 1)
        assert not target.exists()
    assert is_finished(target, {"seed": 1})
    assert [path.name for path in tmp_path.iterdir()] == ["made"]


def test_failure_leaves_the_older_folder(tmp_path: Path) -> None:
    """An error while building costs nothing that was there."""
    target = tmp_path / "made"
    with folder_in_one_step(target) as folder:
        _fill(folder, 1)

    def build_half() -> None:
        with folder_in_one_step(target) as folder:
            _fill(folder, 2)
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        build_half()
    assert is_finished(target, {"seed": 1})
    assert [path.name for path in tmp_path.iterdir()] == ["made"]


def test_older_dataset_is_replaced(tmp_path: Path) -> None:
    """Other parameters make another dataset in the same place."""
    for seed in (1, 2):
        with folder_in_one_step(tmp_path / "made") as folder:
            _fill(folder, seed)
    assert is_finished(tmp_path / "made", {"seed": 2})
    assert not is_finished(tmp_path / "made", {"seed": 1})


def test_foreign_folder_is_never_replaced(tmp_path: Path) -> None:
    """What is no dataset is somebody's, and stays."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter.txt").write_text("dear")
    with pytest.raises(CatalogueInvalid, match="no dataset folder"), folder_in_one_step(tmp_path / "home"):
        pass
    assert (tmp_path / "home" / "letter.txt").read_text() == "dear"
