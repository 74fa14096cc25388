"""The journal of a build: every finished vector, on disk at once, so that a crash costs at most one batch.

One file, only ever appended to. A record is

    pictures  uint32        how many pictures this record holds
    crc32     uint32        of everything that follows
    rows      int64  [n]    rows of the catalogue
    sizes     int64  [n]    size of each picture file in bytes
    changed   int64  [n]    its modification time in nanoseconds
    vectors   float32[n, d]

all little-endian. What was torn by a crash fails its checksum: the file is cut there, and those pictures are redone.
"""

import fcntl
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.common.errors import FailedPrecondition
from services.indexer.pictures import Picture

_HEAD = struct.Struct("<II")
_FACT_BYTES = 3 * 8


class Journal:
    """The finished vectors of one build; open in one process at a time."""

    def __init__(self, path: Path, *, rows: int, dimension: int) -> None:
        """Open a journal, and take over what an earlier run has finished.

        Args:
            path: its file; made when it is missing.
            rows: rows of the catalogue.
            dimension: length of the vectors.

        Raises:
            FailedPrecondition: another process has it open.
        """
        # All in memory: 2 GB for two million vectors of 256 numbers, which the indexes need anyway.
        self._vectors = np.zeros((rows, dimension), dtype=np.float32)
        self._sizes = np.full(rows, -1, dtype=np.int64)
        self._changed = np.full(rows, -1, dtype=np.int64)
        self._file = path.open("a+b")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise FailedPrecondition(f"another indexer is at work on this catalogue ({path} is locked)") from None
        self._file.truncate(self._replay())

    def holds(self, picture: Picture) -> bool:
        """Return whether the vector of this picture, as its file is now, is finished."""
        return bool(
            self._sizes[picture.row] == picture.size_bytes and self._changed[picture.row] == picture.modified_ns
        )

    def vectors(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the finished vectors of rows of the catalogue, float32 `(len(rows), dimension)`."""
        return self._vectors[rows]

    def append(self, pictures: Sequence[Picture], vectors: NDArray[np.float32]) -> None:
        """Keep finished vectors, float32 `(len(pictures), dimension)`.

        Raises:
            OSError: the disk is full, or the like.
        """
        facts = np.array([[getattr(p, name) for p in pictures] for name in ("row", "size_bytes", "modified_ns")], "<i8")
        body = facts.tobytes() + np.ascontiguousarray(vectors, dtype="<f4").tobytes()
        self._file.write(_HEAD.pack(len(pictures), zlib.crc32(body)) + body)
        self._file.flush()  # to the system, which outlives this process
        self._take(facts, vectors)

    def close(self) -> None:
        """Close the file; the vectors stay readable."""
        self._file.close()

    def _replay(self) -> int:
        """Take over all records up to the first damaged one, and return where that begins."""
        rows, dimension = self._vectors.shape
        self._file.seek(0)
        sound_bytes = 0
        while len(head := self._file.read(_HEAD.size)) == _HEAD.size:
            pictures, checksum = _HEAD.unpack(head)
            if pictures > rows:
                break
            body = self._file.read(pictures * (_FACT_BYTES + 4 * dimension))
            if zlib.crc32(body) != checksum:
                break
            facts = np.frombuffer(body, "<i8", count=3 * pictures).reshape(3, pictures)
            self._take(facts, np.frombuffer(body, "<f4", offset=_FACT_BYTES * pictures).reshape(pictures, dimension))
            sound_bytes = self._file.tell()
        return sound_bytes

    def _take(self, facts: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        rows, sizes, changed = facts
        self._sizes[rows], self._changed[rows], self._vectors[rows] = sizes, changed, vectors
