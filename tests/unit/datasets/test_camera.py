"""The camera model: chance comes from the generator alone, and the photo keeps its promises."""

import cv2
import numpy as np

from services.datasets.camera import Camera, _noise, photograph
from services.datasets.cutout import Picture


def _picture(shade: int = 60) -> Picture:
    picture = np.full((224, 224), 255, np.uint8)
    cv2.rectangle(picture, (70, 40), (150, 190), shade, -1)
    return picture


def _decode(photo: bytes) -> Picture:
    return np.asarray(cv2.imdecode(np.frombuffer(photo, np.uint8), cv2.IMREAD_COLOR), np.uint8)


def test_same_seed_gives_the_same_bytes() -> None:
    """The generator's state decides about every byte."""
    photos = [photograph(_picture(), np.random.default_rng(5), others=[_picture(120)]) for _ in range(2)]
    assert photos[0] == photos[1]


def test_other_seeds_give_other_photos() -> None:
    """No two photos of a product are alike."""
    assert len({photograph(_picture(), np.random.default_rng(seed)) for seed in range(5)}) == 5


def test_photo_is_a_colour_jpeg_of_the_side_asked_for() -> None:
    """Grey or coloured, wide or tall: the photo's size is the camera's alone."""
    wide = np.repeat(_picture()[60:160, :, None], 3, axis=2)
    for picture in (_picture(), wide, wide.transpose(1, 0, 2)):
        photo = photograph(picture, np.random.default_rng(1), camera=Camera(side_px=200))
        assert photo[:2] == b"\xff\xd8"
        assert _decode(photo).shape == (200, 200, 3)


def test_product_lies_in_the_middle_with_the_size_asked_for() -> None:
    """With a still, clean camera the product's pixels are found where its pose says."""
    camera = Camera(
        product_share=(0.6, 0.6),
        offset_share=0.0,
        rotation_degrees=0.0,
        perspective_share=0.0,
        dye=(0.0, 0.0),
        shapes=(0, 0),
        shadow=(0.0, 0.0),
        falloff=(0.0, 0.0),
        exposure=(1.0, 1.0),
        white_balance=0.0,
        blur_px=(0.3, 0.3),
        motion_px=(0.0, 0.0),
        noise_levels=(0.0, 0.0),
        jpeg_quality=(95, 95),
    )
    photo = _decode(photograph(_picture(0), np.random.default_rng(3), camera=camera))
    rows, columns = np.nonzero(photo.max(axis=2) < 12)
    assert abs(np.ptp(rows) - 0.6 * 320) < 8
    assert abs(rows.mean() - 160) < 4
    assert abs(columns.mean() - 160) < 4


def test_noise_has_the_deviation_asked_for() -> None:
    """The sum of two uniform bytes is scaled to the standard deviation that the parameter names."""
    noise = _noise(np.random.default_rng(0), (320, 320, 3), 6.0)
    assert abs(float(noise.mean())) < 0.1
    assert abs(float(noise.std()) - 6.0) < 0.1
