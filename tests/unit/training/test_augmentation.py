"""Augmentation: other framings and light of one photo, and photos mixed with each other."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.training.augmentation import augment, mix


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


@given(seed=st.integers(0, 10_000))
def test_mixing_tells_how_much_is_whose(seed: int) -> None:
    """Photos of one level each: the mixed levels' mean is what the share says, to rounding."""
    levels = np.array([0, 60, 120, 240], np.uint8)
    batch = np.broadcast_to(levels[:, None, None, None], (4, 20, 20, 3)).copy()
    mixed = mix(batch, np.random.default_rng(seed))
    expected = mixed.share * levels + (1 - mixed.share) * levels[mixed.partner]
    assert mixed.pixels.reshape(4, -1).mean(axis=1) == pytest.approx(expected, abs=0.6)
    assert (batch[:, 0, 0, 0] == levels).all()


def test_mixing_leaves_some_batches_alone_and_pastes_or_blends_the_others() -> None:
    """Three batches in four are as they were."""
    batch = np.random.default_rng(0).integers(0, 256, (9, 16, 16, 3), dtype=np.uint8)
    rng = np.random.default_rng(1)
    alone = np.mean([(mix(batch, rng).pixels == batch).all() for _ in range(400)])
    assert alone == pytest.approx(0.75, abs=0.07)
