"""Features on disk: kept per chunk, with the reasons of what could not be read."""

from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest

from services.training import features
from services.training.features import extract
from services.training.gathering import Pictures
from services.training.photos import read
from services.training.sessions import run
from services.training.surgery import cut_features
from tests.support.fitting import SIDE, picture, tiny_backbone


@pytest.fixture
def model(tmp_path: Path) -> Path:
    onnx.save(cut_features(tiny_backbone())[0], str(tmp_path / "backbone.onnx"))
    return tmp_path / "backbone.onnx"


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    """Five pictures, the fourth of which is none."""
    rng = np.random.default_rng(0)
    found = [tmp_path / f"{number}.png" for number in range(5)]
    for path in found:
        cv2.imwrite(str(path), picture("Hat", "Hat-a", rng))
    found[3].write_bytes(b"no picture")
    return found


def test_photos_have_features_of_both_ways_round(model: Path, paths: list[Path], tmp_path: Path) -> None:
    """Those of the mirror image are those of the mirrored pixels; gallery pictures have theirs once."""
    told: list[tuple[str, int, int]] = []
    bank = extract(
        model, SIDE, paths[:4], paths[4:], folder=tmp_path / "kept", progress=lambda *step: told.append(step)
    )
    pixels = read(paths[0], SIDE)
    np.testing.assert_allclose(bank.plain[str(paths[0])], run(model, pixels[None])[0], atol=1e-5)
    np.testing.assert_allclose(bank.mirrored[str(paths[0])], run(model, pixels[None, :, ::-1])[0], atol=1e-5)
    assert set(bank.unreadable) == {str(paths[3])}
    assert str(paths[3]) in bank.unreadable[str(paths[3])]
    assert str(paths[4]) not in bank.mirrored
    assert told[-1] == ("features", 5, 5)
    stood_in = bank.with_mirrors(Pictures([paths[4]], ["Hat"], [""]))
    np.testing.assert_array_equal(stood_in[0], stood_in[1])


def test_what_is_kept_is_not_read_again(
    model: Path, paths: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second time no picture is opened, and the answers are the same, unreadable ones included."""

    def again() -> features.FeatureBank:
        return extract(model, SIDE, paths, [], folder=tmp_path / "kept", progress=lambda *_: None)

    first = again()
    monkeypatch.setattr(features, "read", lambda *_: pytest.fail("a picture was opened"))
    second = again()
    assert first.unreadable == second.unreadable
    for path, feature in first.plain.items():
        np.testing.assert_array_equal(feature, second.plain[path])


def test_a_chunk_without_a_readable_picture_is_kept_too(model: Path, paths: list[Path], tmp_path: Path) -> None:
    """Else it would be tried again for ever."""
    for _ in range(2):
        bank = extract(model, SIDE, [paths[3]], [], folder=tmp_path / "kept", progress=lambda *_: None)
        assert (bank.plain, set(bank.unreadable)) == ({}, {str(paths[3])})


@pytest.mark.parametrize("left", [b"", b"PK\x03\x04", b"no archive"])
def test_a_damaged_chunk_is_made_again(model: Path, paths: list[Path], tmp_path: Path, left: bytes) -> None:
    """A power cut may leave a file without its contents."""

    def again() -> features.FeatureBank:
        return extract(model, SIDE, paths[:3], [], folder=tmp_path / "kept", progress=lambda *_: None)

    first = again()
    (file,) = (tmp_path / "kept").iterdir()
    file.write_bytes(left)
    second = again()
    assert list(first.plain) == list(second.plain)
    assert list((tmp_path / "kept").iterdir()) == [file]
