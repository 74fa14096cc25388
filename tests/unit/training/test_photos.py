"""Picture files as arrays."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from services.common.errors import ImageUnreadable
from services.training.photos import load


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
