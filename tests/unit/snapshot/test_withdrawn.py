"""The bitmap of withdrawn rows comes back as it was written, or is refused."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.errors import SnapshotInvalid
from services.snapshot.manifest import FileEntry, Segment
from services.snapshot.withdrawn import read_withdrawn, write_withdrawn
from tests.support.shards import segment_of

_FILE = FileEntry(path="shoes/withdrawn-0.bin", size_bytes=0, sha256="0" * 64)


def _segment(images: int, withdrawn: int) -> Segment:
    return segment_of(images).model_copy(update={"withdrawn": _FILE, "withdrawn_images": withdrawn})


@given(rows=st.lists(st.booleans(), min_size=1, max_size=40))
def test_a_bitmap_comes_back(tmp_path_factory: pytest.TempPathFactory, rows: list[bool]) -> None:
    """Whatever its length."""
    path = tmp_path_factory.mktemp("bits") / "withdrawn.bin"
    write_withdrawn(path, np.array(rows))
    assert read_withdrawn(path, _segment(len(rows), sum(rows))).tolist() == rows


@pytest.mark.parametrize(
    ("content", "images", "withdrawn"), [(b"\x01", 9, 1), (b"\x01\x00", 8, 1), (b"\x03", 8, 1), (b"\x80", 7, 1)]
)
def test_a_bitmap_of_other_rows_is_refused(tmp_path: Path, content: bytes, images: int, withdrawn: int) -> None:
    """Too short, too long, another count, or a bit beyond the last row."""
    (tmp_path / "bits").write_bytes(content)
    with pytest.raises(SnapshotInvalid, match=r"shoes/withdrawn-0\.bin: not a bitmap"):
        read_withdrawn(tmp_path / "bits", _segment(images, withdrawn))


def test_the_lowest_bit_comes_first(tmp_path: Path) -> None:
    """As docs/snapshot.md says, for readers in other languages."""
    write_withdrawn(tmp_path / "bits", np.array([True, False, False, False, False, False, False, False, False, True]))
    assert (tmp_path / "bits").read_bytes() == b"\x01\x02"
