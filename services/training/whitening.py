"""A projection learned from pairs of shopper's photo and studio picture: supervised whitening, tempered. Pure.

Whitening the scatter within pairs lets photos and studio pictures of one product meet (Mikolajczyk and Matas,
"Improving descriptors for fast tree matching by optimal linear projection", ICCV 2007; Radenović et al., "Fine-tuning
CNN image retrieval with no human annotation", TPAMI 2018). With one studio picture per product, though, it also learns
by heart what is odd about each of those pictures, and products that it has not seen get lost among those that it has.
So its metric is mixed with one that whitens only what varies between photos of one product.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from services.training.projection import Projection

Floats = NDArray[np.float64]
_LEAST_SHRINKAGE = 1e-7


@dataclass(frozen=True)
class Scatters:
    """How features differ within one product, each float64 [F, F], averaged over the products.

    Attributes:
        photos: between photos, around their mean.
        pairs: between a photo and a gallery picture, around zero.
    """

    photos: Floats
    pairs: Floats


@dataclass(frozen=True)
class Population:
    """Mean [F] and covariance [F, F] of features."""

    mean: Floats
    covariance: Floats


def scatters(
    photos: NDArray[np.float32],
    photo_products: NDArray[np.int64],
    gallery: NDArray[np.float32],
    gallery_products: NDArray[np.int64],
) -> Scatters:
    """Return the scatters over the products that both sides have; every product counts alike.

    Args:
        photos: features float32 [N, F].
        photo_products: their products' numbers, [N].
        gallery: features float32 [G, F].
        gallery_products: their products' numbers, [G].

    Raises:
        ValueError: no product is on both sides.
    """
    shared = np.intersect1d(photo_products, gallery_products)
    if not len(shared):
        raise ValueError("no product has both a photo and a gallery picture")
    width = photos.shape[1]
    within_photos, within_gallery, between = np.zeros((width, width)), np.zeros((width, width)), []
    for product in shared:
        taken, shown = photos[photo_products == product], gallery[gallery_products == product]
        taken_mean, shown_mean = taken.mean(axis=0, dtype=np.float64), shown.mean(axis=0, dtype=np.float64)
        within_photos += (taken - taken_mean).T @ (taken - taken_mean) / len(taken)
        if len(shown) > 1:
            within_gallery += (shown - shown_mean).T @ (shown - shown_mean) / len(shown)
        between.append(taken_mean - shown_mean)
    offsets = np.array(between)
    pairs = within_photos + within_gallery + offsets.T @ offsets
    return Scatters(within_photos / len(shared), pairs / len(shared))


def population(features: NDArray[np.float32]) -> Population:
    """Return mean and covariance of features float32 [N, F]."""
    mean = features.mean(axis=0, dtype=np.float64)
    centred = features - mean
    return Population(mean, centred.T @ centred / len(features))


def whiten(scatter: Floats, shrinkage: float, whole: Population, dimension: int) -> Floats:
    """Make a scatter even in all directions, then keep the leading principal components of what remains.

    Args:
        scatter: [F, F], symmetric and not negative.
        shrinkage: 0 to 1: how far the scatter is moved towards an even one of the same size; it is estimated from far
            fewer pictures than it has entries.
        whole: photos and gallery pictures, which the components are those of.
        dimension: components to keep.

    Returns:
        Components [F, D], at the scale where projected features have the mean squared length 1.
    """
    even = np.trace(scatter) / len(scatter) or 1.0
    least = max(shrinkage, _LEAST_SHRINKAGE)  # a scatter without any evenness has no inverse
    shrunk = (1 - least) * scatter + least * even * np.eye(len(scatter))
    components = _leading(whole.covariance, dimension, shrunk)
    mean_square = np.trace(components.T @ whole.covariance @ components)
    return np.asarray(components / np.sqrt(max(mean_square, np.finfo(np.float32).tiny)), np.float64)


def mix(pairs: Floats, photos: Floats, strength: float, whole: Population, dimension: int) -> Projection:
    """Return the projection whose inner product is `strength` of one metric plus the rest of another, cut short.

    Args:
        pairs: components whitened by the scatter within pairs, [F, D].
        photos: components whitened by the scatter within photos, [F, D].
        strength: 0 to 1, the share of `pairs`.
        whole: what the leading components are taken of.
        dimension: components to keep.
    """
    both = np.hstack([np.sqrt(strength) * pairs, np.sqrt(1 - strength) * photos])
    components = both @ _leading(both.T @ whole.covariance @ both, dimension)
    return Projection(whole.mean.astype(np.float32), components.astype(np.float32))


def _leading(covariance: Floats, dimension: int, scatter: Floats | None = None) -> Floats:
    """Return the directions of the largest spread as columns, largest first, signs fixed by the largest entry.

    With a scatter, spread is measured against it, and each direction has its unit: whitening and principal components
    are one generalised eigenvalue problem.
    """
    width = len(covariance)
    _, directions = eigh(covariance, scatter, subset_by_index=(width - min(dimension, width), width - 1))
    directions = directions[:, ::-1]
    largest = directions[np.abs(directions).argmax(axis=0), np.arange(directions.shape[1])]
    return np.asarray(directions * np.sign(largest), np.float64)
