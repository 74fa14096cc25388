"""Augmentation: other framings and light of one photo."""

import cv2
import numpy as np

from services.training.augmentation import augment


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
