"""Training photos: loading, augmentation and the choice of an epoch's photos."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from services.common.errors import ImageUnreadable
from services.training.photos import augment, choose, load


def test_loading_gives_rgb_squares(tmp_path: Path) -> None:
    """A wide red picture becomes a red square."""
    cv2.imwrite(str(tmp_path / "red.png"), np.full((40, 90, 3), (0, 0, 200), np.uint8))
    assert load([tmp_path / "red.png"], 32).shape == (1, 32, 32, 3)
    assert load([tmp_path / "red.png"], 32)[0, 5, 5].tolist() == [200, 0, 0]


def test_unreadable_picture_is_named(tmp_path: Path) -> None:
    """The message says which file."""
    (tmp_path / "no.jpg").write_bytes(b"no picture")
    with pytest.raises(ImageUnreadable, match=r"no\.jpg"):
        load([tmp_path / "no.jpg"], 32)


def test_augmentation_depends_on_the_generator_only() -> None:
    """Same state, same photo; another state, another photo; always the size asked for."""
    photo = np.random.default_rng(0).integers(0, 256, (60, 60, 3), dtype=np.uint8)
    first, again, other = (augment(photo, 40, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first.shape == (40, 40, 3)
    assert (first == again).all()
    assert (first != other).any()


def test_augmentation_keeps_the_middle_in_the_picture() -> None:
    """A disc in the middle, a fifth of the photo wide, is never cropped away."""
    photo = np.zeros((104, 104, 3), np.uint8)
    cv2.circle(photo, (52, 52), 10, (255, 255, 255), -1)
    rng = np.random.default_rng(0)
    for _ in range(100):
        framed = augment(photo, 72, rng).max(axis=2)
        assert (framed > framed.min() + 60).mean() > 0.02


def test_epoch_favours_rare_categories_half_way() -> None:
    """With 100 and 900 photos the square roots, 10 and 30, decide about the shares."""
    labels = np.repeat(np.array([0, 1], np.int64), [100, 900])
    chosen = choose(labels, 20_000, np.random.default_rng(0))
    assert (labels[chosen] == 0).mean() == pytest.approx(0.25, abs=0.02)
