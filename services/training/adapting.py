"""Chooses how strongly the embedder is adapted, with an eye on products that the adaptation has never seen."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.datasets.splitting import product_folds
from services.training.features import FeatureBank, Features
from services.training.fitted import TrainingData
from services.training.gathering import Pictures
from services.training.projection import Projection
from services.training.retrieval import Figures, figures, mean_gain, product_ranks
from services.training.whitening import mix, population, scatters, whiten


@dataclass(frozen=True)
class AdaptationRecipe:
    """What is tried; seen on the Grocery Store dataset's validation photos to hold the best there is."""

    strengths: tuple[float, ...] = (0.0, 0.3, 0.45, 0.6, 0.8, 1.0)
    """Share of the metric that whitens what differs between photo and studio picture."""
    pair_shrinkages: tuple[float, ...] = (0.1, 0.3)
    photo_shrinkage: float = 0.3
    folds: int = 4
    """Of products, each of which is left out of the fit in turn."""


@dataclass(frozen=True)
class Candidate:
    """One setting and what validation photos find with it.

    Attributes:
        shrinkage: of the scatter within pairs.
        strength: of the adaptation.
        by_photo: when other photos of the same products were learnt from.
        by_product: when nothing was learnt from any photo or picture of the product.
    """

    shrinkage: float
    strength: float
    by_photo: Figures
    by_product: Figures

    def gain(self, base: Figures) -> float:
        """Return the mean relative gain over the embedder as it was, old and new products alike."""
        return (mean_gain(self.by_photo, base) + mean_gain(self.by_product, base)) / 2


@dataclass(frozen=True)
class Adaptation:
    """What was chosen, and why.

    Attributes:
        projection: the new one; None leaves the embedder as it is.
        why: one sentence.
        base: what validation photos find with the embedder as it was; None where no product is known.
        chosen: what the projection is; None when there is none.
        candidates: all that was tried.
    """

    projection: Projection | None
    why: str
    base: Figures | None = None
    chosen: Candidate | None = None
    candidates: tuple[Candidate, ...] = ()


@dataclass(frozen=True)
class _Side:
    """Features of one domain and the numbers of their products."""

    features: Features
    products: NDArray[np.int64]

    def where(self, keep: NDArray[np.bool_]) -> "_Side":
        return _Side(self.features[keep], self.products[keep])


def adapt(data: TrainingData, bank: FeatureBank, base: Projection, recipe: AdaptationRecipe, seed: int) -> Adaptation:
    """Choose among a few strengths of adaptation, and leaving the embedder as it is.

    Each is judged twice, fitted to all products, and fitted without those in the photos that judge it; what counts is
    the mean gain of both. Products of tomorrow are new, those of today are most of the traffic.

    Args:
        data: photos and gallery.
        bank: their features.
        base: the embedder's projection as it is; the new one has its size.
        recipe: what to try.
        seed: decides which products are left out together.
    """
    taken, val = _of_known_products(data.train), _of_known_products(data.val)
    names = {name: number for number, name in enumerate(sorted(set(data.gallery.products)))}
    fold_of = _folds(data.gallery, names, recipe.folds, seed)
    learnt = {names[product] for product in taken.products}
    # With all of them in one fold nothing would be left to learn from when that is left out.
    if len(learnt) <= recipe.folds or len(np.unique(fold_of[list(learnt)])) == 1 or not len(val):
        return Adaptation(None, "too few photos name a product of the catalogue to learn a projection from")
    dimension = base.components.shape[1]
    photos = _Side(bank.with_mirrors(taken), np.tile([names[product] for product in taken.products], 2))
    shown = _Side(bank.of(data.gallery), np.array([names[product] for product in data.gallery.products]))
    judges = bank.of(val)

    def ranks(projection: Projection, which: NDArray[np.bool_]) -> NDArray[np.int64]:
        products = val.where(which.tolist()).products
        embedded = projection.embed(judges[which]), projection.embed(shown.features)
        return product_ranks(embedded[0], products, embedded[1], data.gallery.products)

    everyone = np.ones(len(val), np.bool_)
    before = figures(ranks(base, everyone))
    fitted = dict(_projections(photos, shown, recipe, dimension))
    by_product = {setting: np.zeros(len(val), np.int64) for setting in fitted}
    judged_in = fold_of[[names[product] for product in val.products]]
    for fold in np.unique(judged_in):
        without = [side.where(fold_of[side.products] != fold) for side in (photos, shown)]
        for setting, projection in _projections(without[0], without[1], recipe, dimension):
            by_product[setting][judged_in == fold] = ranks(projection, judged_in == fold)
    candidates = tuple(
        Candidate(*setting, figures(ranks(projection, everyone)), figures(by_product[setting]))
        for setting, projection in fitted.items()
    )
    best = max(candidates, key=lambda candidate: candidate.gain(before))
    if best.gain(before) <= 0:
        why = "no projection that was tried finds more than the embedder as it is"
        return Adaptation(None, why, before, None, candidates)
    why = f"strength {best.strength:g} with shrinkage {best.shrinkage:g} finds most, old and new products alike"
    return Adaptation(fitted[best.shrinkage, best.strength], why, before, best, candidates)


def _of_known_products(pictures: Pictures) -> Pictures:
    return pictures.where(bool(product) for product in pictures.products)


def _folds(gallery: Pictures, names: dict[str, int], count: int, seed: int) -> NDArray[np.intp]:
    """Return the fold of each product, by its number."""
    folds = np.zeros(len(names), np.intp)
    folds[[names[product] for product in gallery.products]] = product_folds(
        gallery.products, gallery.categories, count, seed
    )
    return folds


def _projections(
    photos: _Side, shown: _Side, recipe: AdaptationRecipe, dimension: int
) -> Iterator[tuple[tuple[float, float], Projection]]:
    """Fit every setting, by shrinkage and strength."""
    whole = population(np.concatenate([photos.features, shown.features]))
    found = scatters(photos.features, photos.products, shown.features, shown.products)
    evened_photos = whiten(found.photos, recipe.photo_shrinkage, whole, dimension)
    for shrinkage in recipe.pair_shrinkages:
        evened_pairs = whiten(found.pairs, shrinkage, whole, dimension)
        for strength in recipe.strengths:
            yield (shrinkage, strength), mix(evened_pairs, evened_photos, strength, whole, dimension)
