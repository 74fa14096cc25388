"""Cut a product out of its studio picture and place it in a scene: mask, pose, tint, compositing."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

FloatImage = NDArray[np.float32]
Picture = NDArray[np.uint8]

_NEARLY_WHITE = 250  # levels; upscaling leaves the studio background a little below 255 around the product
_BACKGROUND = 2  # the mark that flood filling leaves
_OUTLINE_PX = 7.0  # how far inside the mask a pixel must lie to be taken for product whatever its colour
_OUTLINE_LEVELS = 110.0  # how much darker than white a pixel must be to be taken for product anywhere in the mask


@dataclass(frozen=True)
class Cutout:
    """A product without its background: `colour` float32 [H, W, 3] in 0..255 RGB, `alpha` float32 [H, W] in 0..1."""

    colour: FloatImage
    alpha: FloatImage


@dataclass(frozen=True)
class Pose:
    """Where and how a product lies in the scene.

    `centre` (x, y) and `length` (of the product's longer side) are in pixels of the scene, `degrees` turns it
    counter-clockwise, `corner_shifts` [4, 2] moves the corners of its box, in shares of `length`.
    """

    centre: tuple[float, float]
    length: float
    degrees: float
    corner_shifts: FloatImage


def cut_out(picture: Picture) -> Cutout:
    """Cut the product out of a studio picture with a white background, cropped to the product's box.

    Args:
        picture: uint8 [H, W] grey or [H, W, 3] RGB.

    The background is the near-white area that touches the border, so white parts inside a product stay part
    of it. A picture without any such border is its own cut-out.
    """
    grey = picture.ndim == 2  # noqa: PLR2004 - no axis for channels
    level = picture if grey else np.minimum(np.minimum(picture[..., 0], picture[..., 1]), picture[..., 2])
    white = np.ascontiguousarray(np.pad((level >= _NEARLY_WHITE).astype(np.uint8), 1, constant_values=1))
    cv2.floodFill(white, None, (0, 0), _BACKGROUND)
    product = (white[1:-1, 1:-1] != _BACKGROUND).astype(np.uint8)
    # Closing keeps thin pale outlines (a white shirt on white) in one piece.
    product = np.asarray(cv2.morphologyEx(product, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8)), np.uint8)
    x, y, width, height = cv2.boundingRect(product)
    if not width:
        product[:], x, y, height, width = 1, 0, 0, *product.shape
    box = np.s_[y : y + height, x : x + width]
    colour = cv2.cvtColor(picture[box], cv2.COLOR_GRAY2RGB) if grey else picture[box]
    return Cutout(colour.astype(np.float32), _opacity(level, product)[box])


def _opacity(level: Picture, product: Picture) -> FloatImage:
    """Return float32 [H, W] in 0..1: near the outline, paler means that more of the background shines through.

    Without this every product would carry the studio's white as a halo into the scene.
    """
    depth = cv2.distanceTransform(product, cv2.DIST_L2, 3) / _OUTLINE_PX
    dark = (255 - level.astype(np.float32)) / _OUTLINE_LEVELS
    return np.asarray(cv2.GaussianBlur(np.minimum(np.maximum(depth, dark), 1) * product, (0, 0), 0.8), np.float32)


def tint(cutout: Cutout, rgb_gains: FloatImage) -> Cutout:
    """Dye the product: every channel times its gain, float32 [3]; white becomes the gain's colour."""
    return Cutout(np.asarray(cv2.transform(cutout.colour, np.diag(rgb_gains)), np.float32), cutout.alpha)


def homography(shape: tuple[int, int], pose: Pose) -> NDArray[np.float64]:
    """Return the 3x3 matrix that takes a cut-out's pixels (`shape` is height, width) to its pose in the scene."""
    height, width = shape
    source = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    scale = pose.length / max(height, width)
    angle = np.deg2rad(pose.degrees)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]], np.float32)
    centred = (source - [width / 2, height / 2]) * scale + pose.corner_shifts * pose.length
    target = (centred @ turn.T + pose.centre).astype(np.float32)
    return np.asarray(cv2.getPerspectiveTransform(source, target), np.float64)


def paste(scene: FloatImage, cutout: Cutout, pose: Pose, *, shadow: float = 0.0) -> None:
    """Lay the product into the scene.

    Args:
        scene: float32 [H, W, 3] in 0..255, changed in place.
        cutout: the product.
        pose: where it lies; it may lie partly or wholly outside of the scene.
        shadow: how much darker the scene gets right below the product, 0 (none) to 1 (black).
    """
    matrix = homography(cutout.alpha.shape, pose)
    reach = 0.03 * pose.length
    part, matrix = _seen_part(scene, cutout, matrix, margin=4 * reach)
    size = (part.shape[1], part.shape[0])
    if 0 in size:
        return
    colour = cv2.warpPerspective(cutout.colour, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    alpha = cv2.warpPerspective(cutout.alpha, matrix, size, flags=cv2.INTER_LINEAR)
    if shadow:
        shift = np.array([[1, 0, reach], [0, 1, reach]], np.float32)
        part *= cv2.merge([1 - shadow * cv2.GaussianBlur(cv2.warpAffine(alpha, shift, size), (0, 0), reach)] * 3)
    part += (colour - part) * cv2.merge([alpha] * 3)


def _seen_part(
    scene: FloatImage, cutout: Cutout, matrix: NDArray[np.float64], *, margin: float
) -> tuple[FloatImage, NDArray[np.float64]]:
    """Return the view of the scene that the product (and `margin` pixels around it) covers, and `matrix` into it."""
    height, width = cutout.alpha.shape
    corners = np.array([[[0, 0], [width, 0], [width, height], [0, height]]], np.float64)
    seen = cv2.perspectiveTransform(corners, matrix)[0]
    left, top = np.maximum(np.floor(seen.min(axis=0) - margin), 0).astype(int)
    right, bottom = np.maximum(np.ceil(seen.max(axis=0) + margin), 0).astype(int)
    to_part = np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1]], np.float64)
    return scene[top:bottom, left:right], to_part @ matrix
