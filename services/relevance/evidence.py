"""What held-out photos find in every shard: the numbers that scores, fusion and breadth are fitted to. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What N photos found in C shards, the best n products of each.

    Attributes:
        similarities: float64 `(N, C, n)`, not increasing along the last axis, -inf where a shard has fewer products.
        right: bool `(N, C, n)`, whether that product is the one in the photo.
        products: what is in each photo, N names; photos of one product stay together when photos are split.
        priors: the classifier's probabilities conditioned on the C categories, float64 `(N, C)`.

    A photo whose product is not among the best n of its shard has no right candidate. Rankings are fitted to the
    others: that the right one is among the best changes nothing about which of the best it is (the conditional
    logit's independence of irrelevant alternatives), while a right candidate put in from far below would teach that
    similarity misleads.

    Raises:
        ValueError: the shapes do not fit together.
    """

    similarities: npt.NDArray[np.float64]
    right: npt.NDArray[np.bool_]
    products: Sequence[str]
    priors: npt.NDArray[np.float64]

    def __post_init__(self) -> None:
        photos, shards, _ = self.similarities.shape
        if self.right.shape != self.similarities.shape or len(self.products) != photos:
            raise ValueError("similarities, right and products are of different photos")
        if self.priors.shape != (photos, shards):
            raise ValueError(f"priors are {self.priors.shape}, not {(photos, shards)}")

    def __len__(self) -> int:
        """Return the number of photos."""
        return len(self.products)

    @property
    def answerable(self) -> npt.NDArray[np.bool_]:
        """Whether a right candidate is there, bool `(N,)`."""
        return np.asarray(self.right.any(axis=(1, 2)))

    def of(self, photos: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> "Evidence":
        """Return the evidence of some photos."""
        chosen = np.arange(len(self))[photos]
        return Evidence(
            self.similarities[chosen],
            self.right[chosen],
            [self.products[photo] for photo in chosen],
            self.priors[chosen],
        )

    def folds(self, count: int, seed: int) -> npt.NDArray[np.intp]:
        """Return a fold for each photo, 0 to `count` - 1, by lot; photos of one product are in the same fold.

        Tomorrow's products are new: what is fitted must hold for products it was not fitted to.
        """
        names = sorted(set(self.products))
        lot = np.random.default_rng(seed).permutation(len(names)) % count
        place = dict(zip(names, lot.tolist(), strict=True))
        return np.array([place[product] for product in self.products], np.intp)
