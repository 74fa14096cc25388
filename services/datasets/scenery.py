"""Procedural surroundings for the camera model: a textured surface with shapes lying about."""

import cv2
import numpy as np

from services.datasets.cutout import FloatImage

_SHARE_WITH_STRIPES = 0.4  # of all surfaces
_SHARE_WITH_CHECKS = 0.5  # of those with stripes


def surface(rng: np.random.Generator, side: int) -> FloatImage:
    """Draw what the product lies on: float32 [side, side, 3] in 0..255, a base colour with a texture.

    The texture is smooth noise stretched differently along x and y (cloth, stone, wood grain), sometimes with
    stripes or checks on top.
    """
    base = rng.uniform(50, 225) + rng.uniform(-35, 35, 3)
    texture = np.zeros((side, side), np.float32)
    for _ in range(2):
        rows, columns = rng.integers(3, 80, 2)
        noise = rng.standard_normal((rows, columns), dtype=np.float32) * np.float32(rng.uniform(4, 16))
        texture += cv2.resize(noise, (side, side), interpolation=cv2.INTER_CUBIC)
    if rng.random() < _SHARE_WITH_STRIPES:
        texture += _stripes(rng, side)
    return np.asarray(cv2.merge([np.clip(texture + np.float32(level), 0, 255) for level in base]), np.float32)


def _stripes(rng: np.random.Generator, side: int) -> FloatImage:
    """Parallel bands, or a check of two sets of them, float32 [side, side] in levels around 0."""
    axis = np.arange(side, dtype=np.float32)
    angle, period = rng.uniform(0, np.pi), rng.uniform(12, 70)
    phase = 2 * np.pi / period
    x, y = axis[None, :] * np.float32(np.cos(angle) * phase), axis[:, None] * np.float32(np.sin(angle) * phase)
    bands = np.sign(np.sin(x + y))
    if rng.random() < _SHARE_WITH_CHECKS:
        x, y = axis[None, :] * np.float32(np.sin(angle) * phase), axis[:, None] * np.float32(np.cos(angle) * phase)
        bands = (bands + np.sign(np.sin(y - x))) / 2
    return (bands * rng.uniform(6, 26)).astype(np.float32)


def scatter_shapes(scene: FloatImage, rng: np.random.Generator, count: int) -> None:
    """Draw `count` filled boxes, ellipses and thick lines of random colours into the scene, in place."""
    side = scene.shape[0]
    for _ in range(count):
        colour = tuple(rng.uniform(20, 240, 3).tolist())
        x, y = (int(v) for v in rng.uniform(-0.1, 1.1, 2) * side)
        width, height = (int(v) for v in rng.uniform(0.06, 0.35, 2) * side)
        angle = float(rng.uniform(0, 180))
        kind = rng.integers(3)
        if kind == 0:
            corners = cv2.boxPoints(((x, y), (width, height), angle)).astype(np.int32)
            cv2.fillConvexPoly(scene, corners, colour, lineType=cv2.LINE_AA)
        elif kind == 1:
            cv2.ellipse(scene, (x, y), (width // 2, height // 2), angle, 0, 360, colour, -1, cv2.LINE_AA)
        else:
            reach = np.array([np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))]) * side
            end = (int(x + reach[0]), int(y + reach[1]))
            cv2.line(scene, (x, y), end, colour, int(rng.integers(2, 12)), cv2.LINE_AA)
