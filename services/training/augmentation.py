"""Photos as other hands with other phones might have taken them."""

import cv2
import numpy as np

from services.training.photos import Pixels


def augment(photo: Pixels, side: int, rng: np.random.Generator) -> Pixels:
    """Return the photo as another hand with another phone might have taken it, uint8 [side, side, 3].

    Another framing (crop of 45 to 100 % of the area, stretched by up to a quarter, turned by up to 15 degrees,
    mirrored), other light and white balance, now and then a blur.
    """
    size = photo.shape[0]
    scale, stretch = np.sqrt(rng.uniform(0.45, 1.0)), np.exp(rng.uniform(-0.22, 0.22))
    angle = np.deg2rad(rng.uniform(-15, 15))
    width, height = size * scale * stretch / side, size * scale / stretch / side  # source pixels per target pixel
    mirror = -1 if rng.random() < 0.5 else 1  # noqa: PLR2004 - a coin
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    back = turn @ np.diag([mirror * width, height])
    slack = np.maximum(size - np.array([width, height]) * side, 0) / 2
    centre = size / 2 + rng.uniform(-1, 1, 2) * slack
    matrix = np.column_stack([back, centre - back @ [side / 2, side / 2]])
    framed = cv2.warpAffine(
        photo, matrix, (side, side), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REFLECT_101
    )
    if rng.random() < 0.25:  # noqa: PLR2004 - one photo in four
        framed = cv2.GaussianBlur(framed, (0, 0), rng.uniform(0.4, 1.2))
    return _relight(np.asarray(framed, np.uint8), rng)


def _relight(photo: Pixels, rng: np.random.Generator) -> Pixels:
    """Change brightness, contrast, saturation and white balance, as one linear map of the colours."""
    grey = np.full((3, 3), 1 / 3)
    saturation, contrast = rng.uniform(0.6, 1.4), rng.uniform(0.75, 1.25)
    gains = contrast * (1 + rng.uniform(-0.1, 0.1, 3))
    mix = np.diag(gains) @ (saturation * np.eye(3) + (1 - saturation) * grey)
    offset = 127 * (1 - contrast) + rng.uniform(-25, 25)
    return np.asarray(cv2.transform(photo, np.column_stack([mix, np.full(3, offset)])), np.uint8)
