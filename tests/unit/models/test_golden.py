"""The golden picture."""

import hashlib

import numpy as np
import pytest

from services.models.golden import golden_picture


@pytest.mark.parametrize(
    ("height", "width", "digest"), [(224, 224, "8043154464df"), (144, 144, "f5f66c2e9b9f"), (7, 5, "9b5a6464a1ea")]
)
def test_pixels_never_change(height: int, width: int, digest: str) -> None:
    """Every committed golden answer is for exactly these pixels."""
    picture = golden_picture(height, width)
    assert picture.shape == (height, width, 3)
    assert picture.dtype == np.uint8
    assert hashlib.sha256(picture.tobytes()).hexdigest()[:12] == digest


def test_channels_differ() -> None:
    """A model that gets BGR instead of RGB gives another answer."""
    picture = golden_picture(32, 32)
    assert not np.array_equal(picture, picture[..., ::-1])
    assert picture.std() > 50
