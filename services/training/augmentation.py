"""Photos as other hands with other phones might have taken them, and photos mixed with each other.

Mixing: Zhang et al., "mixup: Beyond empirical risk minimization", 2018; Yun et al., "CutMix", 2019.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

_CUT_SHARE = 0.15
_BLEND_SHARE = 0.1
_BLEND_SHAPE = 0.4  # of the beta distribution: mostly nearly one photo or nearly the other


def augment(photo: Pixels, side: int, rng: np.random.Generator) -> Pixels:
    """Return the photo as another hand with another phone might have taken it, uint8 [side, side, 3].

    Another framing (crop of 40 to 100 % of the area, stretched by up to a quarter, turned by up to 15 degrees,
    mirrored), other light and white balance, now and then a blur.
    """
    size = photo.shape[0]
    scale, stretch = np.sqrt(rng.uniform(0.4, 1.0)), np.exp(rng.uniform(-0.22, 0.22))
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


@dataclass(frozen=True)
class Mixed:
    """A batch in which each photo may hold a part of another one.

    Attributes:
        pixels: uint8 [N, S, S, 3].
        partner: which photo the part is of, int64 [N].
        share: how much of each photo is still its own, in [0, 1]; the same for the whole batch.
    """

    pixels: Pixels
    partner: NDArray[np.int64]
    share: float


def mix(pixels: Pixels, rng: np.random.Generator) -> Mixed:
    """Mix a batch, by lot, or leave it as it is: a square of the partner pasted in, or both photos blended."""
    partner = rng.permutation(len(pixels)).astype(np.int64)
    lot = rng.random()
    if lot < _CUT_SHARE:
        side = pixels.shape[1]
        cut = int(side * np.sqrt(rng.random()))
        top, left = rng.integers(0, side - cut + 1, 2)
        window = (slice(None), slice(top, top + cut), slice(left, left + cut))
        mixed = pixels.copy()
        mixed[window] = pixels[partner][window]
        return Mixed(mixed, partner, 1 - cut**2 / side**2)
    if lot < _CUT_SHARE + _BLEND_SHARE:
        share = float(rng.beta(_BLEND_SHAPE, _BLEND_SHAPE))
        blended = share * pixels.astype(np.float32) + (1 - share) * pixels[partner]
        return Mixed(np.rint(blended).astype(np.uint8), partner, share)
    return Mixed(pixels, partner, 1.0)
