"""What is sent at each time: which kind of search, with which photo; split over the senders. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Plan:
    """Every photo of a run, in the order of sending.

    Attributes:
        times: intended seconds from the start, float64 `(n,)`; negative in the warm-up.
        kinds: place in the scenario's mix, int64 `(n,)`.
        photos: place among the photos, int64 `(n,)`.
    """

    times: NDArray[np.float64]
    kinds: NDArray[np.int64]
    photos: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.times)

    def part(self, number: int, parts: int) -> Self:
        """Return every `parts`-th photo from `number` on: each sender's part has the schedule's shape."""
        return type(self)(self.times[number::parts], self.kinds[number::parts], self.photos[number::parts])

    def counted(self, until: float) -> int:
        """Return how many are due from the start until then, the warm-up left out."""
        return int(((self.times >= 0) & (self.times < until)).sum())


def make_plan(times: Sequence[NDArray[np.float64]], weights: Sequence[float], photos: int, seed: int) -> Plan:
    """Draw a kind and a photo for each time.

    Args:
        times: schedules to be sent one after the other, each rising.
        weights: how often each kind is drawn, in any unit.
        photos: how many there are to draw from, with replacement.
        seed: decides the draws.
    """
    together = np.concatenate(times)
    rng = np.random.default_rng(seed)
    shares = np.asarray(weights, np.float64)
    kinds = rng.choice(len(shares), size=len(together), p=shares / shares.sum())
    return Plan(together, kinds.astype(np.int64), rng.integers(photos, size=len(together)))
