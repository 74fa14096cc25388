"""The camera model: from a product's studio picture to the photo that a shopper's phone takes of it.

The stages follow the light: the product, dyed and lying turned and tilted among other things, is lit unevenly,
passes a lens that blurs, lands on a sensor with a white balance and noise, and is stored as a JPEG.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from services.datasets.cutout import Cutout, FloatImage, Picture, Pose, cut_out, paste, tint
from services.datasets.scenery import scatter_shapes, surface

Range = tuple[float, float]


@dataclass(frozen=True)
class Camera:
    """The camera model's parameters; a range is drawn from uniformly for each photo.

    They describe a casual indoor photo of one product, set by looking at photos, not at search results.
    """

    side_px: int = 320
    """Width and height of the photo in pixels."""
    product_share: Range = (0.5, 0.85)
    """Longer side of the product, as a share of `side_px`."""
    offset_share: float = 0.08
    """Farthest the product's centre lies from the photo's, per axis, as a share of `side_px`."""
    rotation_degrees: float = 25.0
    """Largest turn to either side."""
    perspective_share: float = 0.07
    """Farthest each corner of the product moves for the tilted view, as a share of the product."""
    dye: Range = (0.0, 0.55)
    """How colourful the product is made: studio pictures may be grey, products are not."""
    shapes: tuple[int, int] = (2, 7)
    """Fewest and most plain shapes in the background."""
    fragments: tuple[int, int] = (1, 3)
    """Fewest and most other products in the background, mostly out of sight at the edges."""
    shadow: Range = (0.1, 0.5)
    """Darkness of the product's shadow, 0 to 1."""
    falloff: Range = (0.05, 0.4)
    """Light lost from the bright side of the photo to the dark one, 0 to 1."""
    exposure: Range = (0.75, 1.15)
    """Overall brightness."""
    white_balance: float = 0.12
    """Largest error of a colour channel's gain."""
    blur_px: Range = (0.4, 1.6)
    """Standard deviation of the lens blur in pixels."""
    motion_px: Range = (0.0, 5.0)
    """Length of the hand's movement during the exposure in pixels."""
    noise_levels: Range = (1.5, 8.0)
    """Standard deviation of the sensor noise, in levels of 255."""
    jpeg_quality: tuple[int, int] = (45, 90)
    """Lowest and highest JPEG quality."""


def photograph(
    picture: Picture, rng: np.random.Generator, *, others: Sequence[Picture] = (), camera: Camera | None = None
) -> bytes:
    """Take a photo of the product in a studio picture.

    Args:
        picture: uint8 [H, W] grey or [H, W, 3] RGB with a white background.
        rng: the only source of chance: the same state gives the same photo.
        others: studio pictures of other products, to lie in the background.
        camera: the parameters; `Camera()` when None.

    Returns:
        A JPEG file of `side_px` x `side_px` pixels.
    """
    camera = camera or Camera()
    scene = surface(rng, camera.side_px)
    scatter_shapes(scene, rng, int(rng.integers(camera.shapes[0], camera.shapes[1] + 1)))
    if others:
        for _ in range(int(rng.integers(camera.fragments[0], camera.fragments[1] + 1))):
            other = cut_out(others[int(rng.integers(len(others)))])
            paste(scene, _dyed(other, rng, camera), _aside(rng, camera), shadow=rng.uniform(*camera.shadow))
    product = _dyed(cut_out(picture), rng, camera)
    paste(scene, product, _centred(rng, camera), shadow=rng.uniform(*camera.shadow))
    return _expose(scene, rng, camera)


def _dyed(cutout: Cutout, rng: np.random.Generator, camera: Camera) -> Cutout:
    strength = rng.uniform(*camera.dye)
    return tint(cutout, (1 - strength * rng.random(3)).astype(np.float32))


def _centred(rng: np.random.Generator, camera: Camera) -> Pose:
    """Draw the pose of the product that the photo is of."""
    centre = (0.5 + rng.uniform(-camera.offset_share, camera.offset_share, 2)) * camera.side_px
    degrees = rng.uniform(-camera.rotation_degrees, camera.rotation_degrees)
    return _pose(centre, degrees, rng, camera)


def _aside(rng: np.random.Generator, camera: Camera) -> Pose:
    """Draw the pose of a product that is only in the way: any turn, its centre near the photo's edge."""
    direction = rng.uniform(0, 2 * np.pi)
    centre = (0.5 + rng.uniform(0.5, 0.7) * np.array([np.cos(direction), np.sin(direction)])) * camera.side_px
    return _pose(centre, rng.uniform(-180, 180), rng, camera)


def _pose(centre: NDArray[np.float64], degrees: float, rng: np.random.Generator, camera: Camera) -> Pose:
    length = rng.uniform(*camera.product_share) * camera.side_px
    shifts = rng.uniform(-camera.perspective_share, camera.perspective_share, (4, 2)).astype(np.float32)
    return Pose((float(centre[0]), float(centre[1])), length, degrees, shifts)


def _expose(scene: FloatImage, rng: np.random.Generator, camera: Camera) -> bytes:
    """Light, lens, sensor and file: float32 scene in, JPEG out."""
    gains = rng.uniform(*camera.exposure) * (1 + rng.uniform(-camera.white_balance, camera.white_balance, 3))
    light = _light(rng, camera)
    lit = scene * cv2.merge([light * np.float32(gain) for gain in gains])
    seen = cv2.GaussianBlur(lit, (0, 0), rng.uniform(*camera.blur_px))
    seen = cv2.filter2D(seen, -1, _motion_kernel(rng.uniform(*camera.motion_px), rng.uniform(0, np.pi)))
    pixels = cv2.convertScaleAbs(np.maximum(seen + _noise(rng, seen.shape, rng.uniform(*camera.noise_levels)), 0))
    quality = int(rng.integers(camera.jpeg_quality[0], camera.jpeg_quality[1] + 1))
    _, file = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return file.tobytes()


def _light(rng: np.random.Generator, camera: Camera) -> FloatImage:
    """A lamp to one side: float32 [side, side], 1 at the bright corner, down to 1 - falloff at the far one."""
    direction, falloff = rng.uniform(0, 2 * np.pi), rng.uniform(*camera.falloff)
    axis = np.linspace(-1, 1, camera.side_px, dtype=np.float32)
    distance = np.cos(direction) * axis[None, :] + np.sin(direction) * axis[:, None]
    return np.asarray(1 - falloff * (distance / np.sqrt(2) + 1) / 2, np.float32)


def _noise(rng: np.random.Generator, shape: tuple[int, ...], deviation: float) -> FloatImage:
    """Sensor noise, float32 of `shape`: two uniform bytes added, bell-shaped enough and 5 times faster than normal."""
    first, second = rng.integers(0, 256, (2, *shape), dtype=np.uint8)
    scale = deviation / np.sqrt(2 * (256**2 - 1) / 12)
    return np.asarray(cv2.addWeighted(first, scale, second, scale, -255 * scale, dtype=cv2.CV_32F), np.float32)


def _motion_kernel(length: float, angle: float) -> FloatImage:
    """A line of `length` pixels as a normalised filter, float32 [k, k] with odd k; 1x1 for no movement."""
    reach = int(np.ceil(length / 2))
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    for step in np.linspace(-length / 2, length / 2, 4 * reach + 1):
        x, y = reach + step * np.cos(angle), reach + step * np.sin(angle)
        kernel[round(float(y)), round(float(x))] += 1
    return np.asarray(kernel / kernel.sum(), np.float32)
