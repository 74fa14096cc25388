"""The way *head*: a linear classifier on frozen features. Minutes on two cores, and no torch."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.datasets.splitting import product_folds
from services.training.balancing import balanced_weights
from services.training.calibration import fit_temperature, negative_log_likelihood, softmax
from services.training.features import FeatureBank, Features
from services.training.fitted import EpochReport, Report, TrainingData
from services.training.gathering import Pictures, together
from services.training.logistic import Examples, fit
from services.training.surgery import Linear


@dataclass(frozen=True)
class HeadRecipe:
    """How the head is fitted."""

    penalties: tuple[float, ...] = (0.3, 0.1, 0.03, 0.01, 0.003)
    """Tried from the strongest, each from where the one before ended."""
    patience: int = 2
    """Penalties that may be tried without doing better before the path is left."""
    product_folds: int = 4
    """Of products, each left out in turn, to see how new products fare."""


@dataclass(frozen=True)
class Head:
    """A linear layer from features to logits, and the penalty that it was fitted with."""

    layer: Linear
    penalty: float


@dataclass(frozen=True)
class NewProducts:
    """Accuracy on photos of products that the classifier has never seen, in categories that it has."""

    accuracy: float
    photos: int
    products: int


def fit_head(data: TrainingData, bank: FeatureBank, recipe: HeadRecipe, report: Report) -> Head:
    """Fit the head for weaker and weaker penalties and keep what classifies most validation photos rightly.

    Ties are broken by the calibrated likelihood. Mirror images are learnt from as well, and small categories count more
    than their share (`balanced_weights`).
    """
    judges, right = bank.of(data.val), data.val.labels(data.categories)
    scaler, examples = _examples(data.train, bank, data.categories)
    best: tuple[tuple[float, float], Head] | None = None
    layer, since_best = None, 0
    for step, penalty in enumerate(recipe.penalties, start=1):
        began = time.monotonic()
        layer, loss = fit(examples, len(data.categories), penalty, layer)
        logits = scaler.unfold(layer)(judges).astype(np.float64)
        accuracy = float((logits.argmax(axis=1) == right).mean())
        merit = (accuracy, -negative_log_likelihood(softmax(logits, fit_temperature(logits, right)), right))
        is_best = best is None or merit > best[0]
        if is_best:
            best, since_best = (merit, Head(scaler.unfold(layer), penalty)), 0
        report(
            EpochReport(step, len(recipe.penalties), loss, accuracy, None, is_best, seconds=time.monotonic() - began)
        )
        since_best += not is_best
        if since_best >= recipe.patience:
            break
    assert best is not None
    return best[1]


def accuracy_on_new_products(
    data: TrainingData, bank: FeatureBank, penalty: float, recipe: HeadRecipe, seed: int
) -> NewProducts | None:
    """Leave products out in turn and classify their photos; None where no category has two known products.

    Photos of unknown products are left out altogether: they may show the very product. So are photos of a category
    that loses its only product, which no classifier could know.
    """
    known = together(
        pictures.where(bool(product) for product in pictures.products) for pictures in (data.train, data.val)
    )
    folds = product_folds(known.products, known.categories, recipe.product_folds, seed)
    labels = known.labels(data.categories)
    right, judged = [], []
    for fold in np.unique(folds):
        rest = known.where((folds != fold).tolist())
        seen = np.isin(labels, rest.labels(data.categories))
        held_out = np.flatnonzero((folds == fold) & seen)
        if not len(held_out):
            continue
        scaler, examples = _examples(rest, bank, data.categories)
        layer, _ = fit(examples, len(data.categories), penalty)
        logits = scaler.unfold(layer)(bank.of(known.at(held_out.tolist())))
        right += (logits.argmax(axis=1) == labels[held_out]).tolist()
        judged += held_out.tolist()
    if not judged:
        return None
    products = {(known.categories[place], known.products[place]) for place in judged}
    return NewProducts(float(np.mean(right)), len(judged), len(products))


@dataclass(frozen=True)
class _Scaler:
    """Moves features to mean 0 and spread 1, where one penalty suits all of them."""

    mean: Features
    spread: Features

    def unfold(self, layer: Linear) -> Linear:
        """Return the layer that says of features what `layer` says of scaled ones."""
        weight = layer.weight / self.spread[:, None]
        return Linear(weight, layer.bias - self.mean @ weight)


def _examples(photos: Pictures, bank: FeatureBank, categories: Sequence[str]) -> tuple[_Scaler, Examples]:
    features = bank.with_mirrors(photos)
    mean, spread = features.mean(axis=0), features.std(axis=0) + np.float32(1e-3)
    labels = np.tile(photos.labels(categories), 2)
    return _Scaler(mean, spread), Examples((features - mean) / spread, labels, balanced_weights(labels))
