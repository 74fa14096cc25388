"""Made-up evidence: photos whose right product, similarities and classifier are known, because they were planted."""

from typing import Literal

import numpy as np

from services.relevance.evidence import Evidence

Classifier = Literal["perfect", "calibrated", "useful", "random", "constant", "surely wrong"]


def planted_evidence(
    photos: int,
    classifier: Classifier,
    seed: int,
    *,
    shards: int = 8,
    depth: int = 5,
    sharpness: float = 12.5,
    accuracy: float = 0.9,
    separation: float = 2.0,
) -> Evidence:
    """Return what photos found in shards of `depth` products.

    Args:
        photos: how many.
        classifier: what its prior is like; "calibrated" is right as often as it says, "useful" puts the right category
            first in a share `accuracy` of the photos, and is otherwise as sure of another one.
        seed: of all that is random.
        shards: of one category each.
        depth: products of each shard.
        sharpness: similarities are normal, wrong ones around 0.5 and right ones 2 / `sharpness` above, both with the
            standard deviation sqrt(2) / `sharpness`; so the log-odds of being right grow by exactly `sharpness` per 1.
        accuracy: of the useful classifier.
        separation: how far above instead of 2 / `sharpness`, in the same unit; from 8 on right ones are always first.
    """
    rng = np.random.default_rng(seed)
    rows = np.arange(photos)
    beliefs = rng.normal(0, 3, (photos, shards))
    believed = (beliefs + rng.gumbel(0, 1, beliefs.shape)).argmax(axis=1)  # drawn with the probabilities of the beliefs
    category = believed if classifier == "calibrated" else rng.integers(0, shards, photos)
    products = category * depth + rng.integers(0, depth, photos)
    similarities = rng.normal(0.5, np.sqrt(2) / sharpness, (photos, shards, depth))
    similarities[rows, category, 0] += separation / sharpness
    right = np.zeros(similarities.shape, np.bool_)
    right[rows, category, 0] = True
    order = np.argsort(-similarities, axis=2, kind="stable")
    predicted = np.where(rng.random(photos) < accuracy, category, rng.integers(0, shards, photos))
    match classifier:
        case "perfect":
            logits = np.where(np.arange(shards) == category[:, None], 20.0, 0.0)
        case "calibrated":
            logits = beliefs
        case "useful":
            logits = np.where(np.arange(shards) == predicted[:, None], 5.0, 0.0) + rng.normal(0, 1, (photos, shards))
        case "random":
            logits = rng.normal(0, 2, (photos, shards))
        case "constant":
            logits = np.broadcast_to(np.random.default_rng(1).normal(0, 1, shards), (photos, shards))
        case "surely wrong":
            wrong = (category + rng.integers(1, shards, photos)) % shards
            logits = np.where(np.arange(shards) == wrong[:, None], 20.0, 0.0)
    odds = np.exp(logits)
    return Evidence(
        np.take_along_axis(similarities, order, axis=2),
        np.take_along_axis(right, order, axis=2),
        [f"product {number}" for number in products],
        odds / odds.sum(axis=1, keepdims=True),
    )
