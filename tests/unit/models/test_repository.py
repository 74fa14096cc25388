"""The model repository on disk."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from services.common.errors import FailedPrecondition
from services.models.repository import read_repository
from tests.support import tiny_models


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One model that is in order."""
    return tiny_models.write_model(tmp_path, "embedder", tiny_models.embedder())


def test_a_model_in_order_is_read(folder: Path) -> None:
    """With its metadata and its golden answer."""
    (model,) = read_repository(folder.parent)
    assert model.info.version == "tiny-embedder-1"
    assert model.golden.output.shape == (tiny_models.DIMENSION,)


def test_the_digest_is_that_of_the_highest_version(folder: Path) -> None:
    """10 comes after 9: versions are numbers, and Triton serves the highest."""
    (folder / "1").rename(folder / "10")
    (folder / "9").mkdir()
    (folder / "9" / "model.onnx").write_bytes(b"an older one")
    read_repository(folder.parent)


def _rewrite_golden(folder: Path, **change: object) -> None:
    file = folder / "golden.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))


def _append(file: Path, content: bytes) -> None:
    file.write_bytes(file.read_bytes() + content)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda folder: _append(folder / "1" / "model.onnx", b"x"), "has SHA-256 .* config.pbtxt says"),
        (lambda folder: (folder / "1" / "model.onnx").unlink(), "model.onnx is missing"),
        (lambda folder: (folder / "1").rename(folder / "first"), "no version folder"),
        (lambda folder: _append(folder / "config.pbtxt", b"{"), "config.pbtxt can't be read"),
        (lambda folder: (folder / "golden.json").unlink(), "golden.json is missing"),
        (lambda folder: (folder / "golden.json").write_text("{}"), "golden.json can't be read"),
        (lambda folder: _rewrite_golden(folder, picture="golden-0"), "for the picture 'golden-0'"),
        (lambda folder: _rewrite_golden(folder, output=[1.0]), r"\(1,\) numbers"),
    ],
)
def test_damage_is_named(folder: Path, damage: Callable[[Path], object], reason: str) -> None:
    """Before Triton is started, with the model and what is wrong with it."""
    damage(folder)
    with pytest.raises(FailedPrecondition, match=f"model embedder: .*{reason}"):
        read_repository(folder.parent)


def test_an_empty_folder_is_no_repository(tmp_path: Path) -> None:
    """A Triton without models would be ready at once and useless."""
    with pytest.raises(FailedPrecondition, match="no model repository"):
        read_repository(tmp_path)
