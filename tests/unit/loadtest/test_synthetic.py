"""Made-up photos decode, and have the size that was asked for."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from services.loadtest.synthetic import _comments, synthetic_jpeg


@settings(max_examples=25, deadline=None)
@given(st.integers(2_000, 200_000), st.integers(0, 1000))
def test_the_size_is_exact_and_the_photo_decodes(size: int, seed: int) -> None:
    """Comments fill what the picture leaves, also where more than one is needed."""
    photo = synthetic_jpeg(size, seed)
    assert len(photo) == size
    picture = Image.open(io.BytesIO(photo))
    picture.load()
    assert picture.format == "JPEG"
    assert picture.width * picture.height * 0.15 < size < picture.width * picture.height * 0.5 + 2000


@given(st.one_of(st.integers(4, 300_000), st.integers(65_530, 65_545), st.integers(131_070, 131_080)))
def test_comments_fill_any_room(size: int) -> None:
    """One segment after the other, each of a length that a segment can have."""
    filled = _comments(size)
    assert len(filled) == size
    while filled:
        length = int.from_bytes(filled[2:4], "big")
        assert filled[:2] == b"\xff\xfe"
        assert 2 <= length <= len(filled) - 2
        filled = filled[2 + length :]


def test_the_seed_decides() -> None:
    """The same photo for the same seed."""
    assert synthetic_jpeg(5000, 1) == synthetic_jpeg(5000, 1) != synthetic_jpeg(5000, 2)


def test_what_is_too_small_for_any_picture_is_refused() -> None:
    """A JPEG's tables alone take some 600 bytes."""
    with pytest.raises(ValueError, match="no picture"):
        synthetic_jpeg(300, 0)
