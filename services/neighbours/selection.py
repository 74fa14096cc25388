"""Which rows of an index may be found: those that a filter passes and that were not withdrawn."""

from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray


class Selection:
    """Some rows of one index; never changes."""

    def __init__(self, mask: NDArray[np.bool_]) -> None:
        """Select rows.

        Args:
            mask: bool `(rows of the index,)`.
        """
        self.mask = mask
        self.count = int(np.count_nonzero(mask))
        # FAISS keeps a pointer into the bits and none of Python's references to them.
        self._bits = np.packbits(mask, bitorder="little")
        self._selector = faiss.IDSelectorBitmap(self._bits)  # type: ignore[call-arg, arg-type]

    @property
    def parameters(self) -> Any:
        """FAISS's parameters of an exhaustive search among these rows."""
        return faiss.SearchParameters(sel=self._selector)  # type: ignore[call-arg]
