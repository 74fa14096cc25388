"""The journal: what was finished stays finished, what was torn is redone."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from services.common.errors import FailedPrecondition
from services.indexer.journal import Journal
from services.indexer.pictures import Picture

DIMENSION = 4
PICTURES = [Picture(row, Path(f"{row}.jpg"), 100 + row, 10**18 + row) for row in range(6)]
VECTORS: NDArray[np.float32] = np.arange(24, dtype=np.float32).reshape(6, DIMENSION)


def _open(folder: Path) -> Journal:
    return Journal(folder / "journal", rows=len(PICTURES), dimension=DIMENSION)


def _write(folder: Path) -> None:
    """Write three records: rows 4 and 0, row 5, and rows 1 and 2."""
    journal = _open(folder)
    for rows in ([4, 0], [5], [1, 2]):
        journal.append([PICTURES[row] for row in rows], VECTORS[rows])
    journal.close()


def test_a_new_run_takes_over_what_was_finished(tmp_path: Path) -> None:
    """Vectors come back as they went in, by row, and the one that is missing is known to be."""
    _write(tmp_path)
    journal = _open(tmp_path)
    assert [journal.holds(picture) for picture in PICTURES] == [True, True, True, False, True, True]
    rows = np.array([5, 0, 2])
    np.testing.assert_array_equal(journal.vectors(rows), VECTORS[rows])
    journal.close()


def test_a_picture_that_changed_is_not_finished(tmp_path: Path) -> None:
    """Another size or another time means another picture."""
    _write(tmp_path)
    journal = _open(tmp_path)
    assert not journal.holds(replace(PICTURES[0], size_bytes=1))
    assert not journal.holds(replace(PICTURES[0], modified_ns=1))
    journal.close()


def test_the_newest_vector_of_a_row_counts(tmp_path: Path) -> None:
    """A picture that was redone has two records; the later one is the truth."""
    _write(tmp_path)
    journal = _open(tmp_path)
    journal.append([replace(PICTURES[0], size_bytes=7)], VECTORS[[3]])
    journal.close()
    journal = _open(tmp_path)
    assert journal.holds(replace(PICTURES[0], size_bytes=7))
    np.testing.assert_array_equal(journal.vectors(np.array([0])), VECTORS[[3]])
    journal.close()


def test_a_journal_torn_anywhere_keeps_its_whole_records(tmp_path: Path) -> None:
    """Cut after any byte, it holds the records before the cut, and grows again from there."""
    _write(tmp_path)
    content = (tmp_path / "journal").read_bytes()
    ends = np.cumsum([0, *(8 + n * (24 + 4 * DIMENSION) for n in (2, 1, 2))])
    assert ends[-1] == len(content)
    for cut in range(len(content)):
        (tmp_path / "journal").write_bytes(content[:cut])
        journal = _open(tmp_path)
        whole = sum([2, 1, 2][: int(np.searchsorted(ends, cut, side="right")) - 1])
        assert sum(journal.holds(picture) for picture in PICTURES) == whole
        journal.append([PICTURES[3]], VECTORS[[3]])
        journal.close()
        journal = _open(tmp_path)
        assert sum(journal.holds(picture) for picture in PICTURES) == whole + 1
        journal.close()


def test_a_flipped_byte_costs_its_record_and_what_follows(tmp_path: Path) -> None:
    """Whatever byte of the second record changes, only the first one is believed."""
    _write(tmp_path)
    content = (tmp_path / "journal").read_bytes()
    first, second = 8 + 2 * (24 + 4 * DIMENSION), 8 + 24 + 4 * DIMENSION
    for position in range(first, first + second):
        damaged = bytearray(content)
        damaged[position] ^= 0x40
        (tmp_path / "journal").write_bytes(damaged)
        journal = _open(tmp_path)
        assert [journal.holds(picture) for picture in PICTURES] == [True, False, False, False, True, False]
        journal.close()


def test_only_one_process_writes_a_journal(tmp_path: Path) -> None:
    """Two indexers on the same catalogue would mix their records: the second one says so and stops."""
    journal = _open(tmp_path)
    with pytest.raises(FailedPrecondition, match="another indexer is at work"):
        _open(tmp_path)
    journal.close()
    _open(tmp_path).close()
