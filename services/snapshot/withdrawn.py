"""The bitmap of a segment's withdrawn rows: bit i for row i, the lowest bit of each byte first."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.common.errors import SnapshotInvalid
from services.snapshot.manifest import Segment


def write_withdrawn(path: Path, withdrawn: NDArray[np.bool_]) -> None:
    """Write which rows of a segment are withdrawn, bool `(images,)`.

    Raises:
        OSError: the file can't be written.
    """
    path.write_bytes(np.packbits(withdrawn, bitorder="little").tobytes())


def read_withdrawn(path: Path, segment: Segment) -> NDArray[np.bool_]:
    """Read which rows of a segment are withdrawn, bool `(images,)`.

    Args:
        path: the file of `segment.withdrawn`.
        segment: what the manifest says.

    Raises:
        SnapshotInvalid: it is the bitmap of other rows; names it.
    """
    assert segment.withdrawn is not None
    bits = np.frombuffer(path.read_bytes(), np.uint8)
    rows = np.unpackbits(bits, bitorder="little").astype(np.bool_)
    if bits.size != -(-segment.images // 8) or rows.sum() != segment.withdrawn_images or rows[segment.images :].any():
        raise SnapshotInvalid(
            f"{segment.withdrawn.path}: not a bitmap of {segment.images} rows with {segment.withdrawn_images} withdrawn"
        )
    return rows[: segment.images]
