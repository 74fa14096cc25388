"""Times in HDR histograms: every value within 0.1 %, small on the wire, and merged without loss. Pure."""

from functools import cache
from math import ceil
from typing import Any, Self

import numpy as np
from hdrh.histogram import HdrHistogram
from numpy.typing import NDArray

_LOWEST_MICROSECONDS = 1
_HIGHEST_MICROSECONDS = 600_000_000
_DIGITS = 3


class Histogram:
    """Counts of times from 1 microsecond to 10 minutes; what is longer counts as 10 minutes.

    The format is HdrHistogram's own (V2, compressed, base64), which its viewers in any language read.
    """

    def __init__(self) -> None:
        """Begin empty."""
        self._hdr: Any = HdrHistogram(_LOWEST_MICROSECONDS, _HIGHEST_MICROSECONDS, _DIGITS)

    def record(self, seconds: float) -> None:
        """Count one time, seconds; a negative one counts as none."""
        self._hdr.record_value(min(max(round(seconds * 1e6), 0), _HIGHEST_MICROSECONDS))

    def add(self, other: Self) -> None:
        """Count all that the other has counted."""
        self._hdr.add(other._hdr)

    @property
    def count(self) -> int:
        """Times counted."""
        return int(self._hdr.get_total_count())

    def quantile_ms(self, quantile: float) -> float:
        """Return the least time, in milliseconds, that this share of the times does not exceed; 0 without any."""
        milliseconds, counts = self.bins()
        return float(quantiles_ms(milliseconds, counts[None, :], quantile)[0]) if len(counts) else 0.0

    @property
    def max_ms(self) -> float:
        """The longest time, in milliseconds; 0 without any."""
        return self.quantile_ms(1.0)

    def bins(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return the times that occur, float64 milliseconds `(n,)`, rising, and their counts, int64 `(n,)`."""
        counts = np.frombuffer(self._hdr.counts, np.int64)
        occurring = np.flatnonzero(counts)
        return _milliseconds()[occurring], counts[occurring]

    def encode(self) -> str:
        """Return it as text."""
        return str(self._hdr.encode().decode("ascii"))

    @classmethod
    def decode(cls, text: str) -> Self:
        """Return the histogram that was encoded.

        Raises:
            ValueError: it is none, or of another range.
        """
        decoded = cls()
        try:
            decoded._hdr.decode_and_add(text.encode("ascii"))
        except Exception as error:  # the codec raises whatever its parts do: zlib's, base64's, its own
            raise ValueError(f"not an HDR histogram: {error}") from error
        return decoded


def quantiles_ms(milliseconds: NDArray[np.float64], counts: NDArray[Any], quantile: float) -> NDArray[np.float64]:
    """Return a quantile of each row of counts.

    Args:
        milliseconds: rising times `(n,)`.
        counts: how often each occurs `(rows, n)`, not negative.
        quantile: in [0, 1]; the answer is the least time that at least this share of the times does not exceed.

    Returns:
        float64 `(rows,)`; 0 for a row without counts.
    """
    reached = np.cumsum(counts, axis=1)
    totals = reached[:, -1]
    wanted = np.array([max(1, ceil(quantile * total - 1e-9)) for total in totals])
    places = (reached < wanted[:, None]).sum(axis=1)
    return np.where(totals > 0, milliseconds[np.minimum(places, len(milliseconds) - 1)], 0.0)


@cache
def _milliseconds() -> NDArray[np.float64]:
    """Return the time that each counter stands for: the middle of what falls into it."""
    empty: Any = HdrHistogram(_LOWEST_MICROSECONDS, _HIGHEST_MICROSECONDS, _DIGITS)
    lows = np.array([empty.get_value_from_index(index) for index in range(empty.counts_len)], np.float64)
    highs = np.array([empty.get_highest_equivalent_value(int(low)) for low in lows], np.float64)
    return (lows + highs) / 2000.0
