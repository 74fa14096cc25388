"""How well photos find their products among the gallery's pictures, in all of it or in one category. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Figures:
    """Means over photos of one relevant product each, 0 to 1; with one, mAP is the mean reciprocal rank."""

    recall_at_1: float
    recall_at_5: float
    mean_average_precision: float

    def values(self) -> tuple[float, float, float]:
        """Return the three figures."""
        return self.recall_at_1, self.recall_at_5, self.mean_average_precision


def product_ranks(
    photos: NDArray[np.float32],
    photo_products: Sequence[str],
    gallery: NDArray[np.float32],
    gallery_products: Sequence[str],
    gallery_categories: Sequence[str] = (),
) -> NDArray[np.int64]:
    """Return how many other products come before the right one, int64 [N]; a product is as near as its nearest picture.

    Who is as near counts as before: an embedder that says the same of everything finds nothing.

    Args:
        photos: embeddings float32 [N, D], of unit length.
        photo_products: their products, N names that all occur in the gallery.
        gallery: embeddings float32 [G, D], of unit length.
        gallery_products: their products, G names.
        gallery_categories: their categories; when given, only products of the right one's category are compared.
    """
    names, first, place = np.unique(gallery_products, return_index=True, return_inverse=True)
    order = np.argsort(place, kind="stable")
    starts = np.searchsorted(place[order], np.arange(len(names)))
    nearest = np.maximum.reduceat((photos @ gallery.T)[:, order], starts, axis=1)
    right = np.searchsorted(names, list(photo_products))
    if len(gallery_categories):
        category = np.array(gallery_categories)[first]
        nearest[category[right][:, None] != category[None, :]] = -np.inf
    behind = nearest < nearest[np.arange(len(right)), right][:, None]  # false also for what is no number
    return np.asarray((~behind).sum(axis=1) - 1, np.int64)


def figures(ranks: NDArray[np.int64]) -> Figures:
    """Return the figures of ranks int64 [N], counted from 0."""
    at_1, at_5 = (float((ranks < k).mean()) for k in (1, 5))
    return Figures(at_1, at_5, float((1 / (1 + ranks)).mean()))


def mean_gain(found: Figures, base: Figures) -> float:
    """Return the mean relative change of the figures against the base; figures whose base is 0 are left out."""
    changes = [new / old - 1 for new, old in zip(found.values(), base.values(), strict=True) if old > 0]
    return float(np.mean(changes)) if changes else 0.0
