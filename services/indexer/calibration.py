"""From held-out photos to what the manifest says about scores."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.indexer.answers import PhotoAnswers
from services.indexer.heldout import HeldOut
from services.indexer.neighbours import nearest_products
from services.indexer.partitioning import ShardPlan
from services.models.metadata import ModelInfo
from services.relevance.evidence import Evidence
from services.relevance.fitting import LEAST_PHOTOS, LEAST_PRODUCTS
from services.relevance.learning import Lessons, learn
from services.relevance.priors import conditioned, label_positions
from services.relevance.scoring import UNFITTED, SimilarityMap
from services.snapshot.manifest import BASELINE_SLUG, FusionEntry, Relevance

_LEAST_DEPTH, _MOST_DEPTH = 10, 50
"""Products of each shard that take part. Photos whose product is farther down teach nothing about ranking."""
_MOST_CANDIDATES = 500_000
"""Photos x shards x products: fitting takes about 20 microseconds for each."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """What held-out photos taught.

    Attributes:
        relevance: for the manifest; None when they taught nothing.
        maps: each shard's, by slug; empty when they taught nothing.
        remarks: what people should know, a sentence each: what was left out, and why nothing was learned.
    """

    relevance: Relevance | None
    maps: Mapping[str, SimilarityMap]
    remarks: Sequence[str]

    def map_of(self, slug: str) -> SimilarityMap:
        """Return a shard's map."""
        return self.maps.get(slug, UNFITTED)


UNCALIBRATED = Calibration(None, {}, ())
"""When no photos were held out."""


def photos_for(shards: int) -> int:
    """Return how many photos fitting can take in a catalogue with so many categories."""
    return max(1, _MOST_CANDIDATES // (_LEAST_DEPTH * shards))


def calibrate(
    held_out: HeldOut,
    answers: PhotoAnswers,
    classifier: ModelInfo,
    plans: Sequence[ShardPlan],
    *,
    product_ids: Sequence[str],
    vectors_of: Callable[[NDArray[np.int64]], NDArray[np.float32]],
) -> Calibration:
    """Find out what similarities are worth in this gallery, and what this classifier is.

    Args:
        held_out: the photos.
        answers: what the models say about them.
        classifier: whose labels the probabilities are of.
        plans: the shards, without pictures that can't be read.
        product_ids: of every row of the catalogue.
        vectors_of: the gallery's vectors, by rows of the catalogue.
    """
    remarks = [f"held-out photos left out: {line}" for line in held_out.left_out]
    if answers.unreadable:
        first = answers.unreadable[0]
        remarks.append(
            f"held-out photos left out: {len(answers.unreadable):,} can't be read; the first is "
            f"{held_out.pictures[first.row].path}: {first.reason}"
        )
    shards = [plan for plan in plans if not plan.baseline]
    products = [held_out.products[place] for place in answers.places]
    positions = label_positions([plan.category for plan in shards], classifier.labels)
    if (positions < 0).all():
        remarks.append(f"classifier {classifier.version} knows none of the catalogue's categories")
    similarities, right = _tried(answers, products, shards, product_ids, vectors_of)
    priors = conditioned(answers.probabilities, positions)
    priors[priors.sum(axis=1) == 0] = 1 / len(shards)  # it has nothing to say about these
    evidence = Evidence(similarities, right, [shown[0] for shown in products], priors)
    lessons = learn(evidence)
    if lessons is None:
        return Calibration(None, {}, (*remarks, _why_nothing(evidence)))
    maps = dict(zip([plan.slug for plan in shards], lessons.plain.maps, strict=True))
    return Calibration(_relevance(lessons, classifier), {**maps, BASELINE_SLUG: lessons.plain.baseline}, tuple(remarks))


def _tried(
    answers: PhotoAnswers,
    products: Sequence[tuple[str, ...]],
    shards: Sequence[ShardPlan],
    product_ids: Sequence[str],
    vectors_of: Callable[[NDArray[np.int64]], NDArray[np.float32]],
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return what the photos find in every shard, and what of it is right, both `(N, C, n)`."""
    names = np.array(product_ids, np.object_)
    distinct = [np.unique(names[plan.rows], return_inverse=True) for plan in shards]
    affordable = _MOST_CANDIDATES // max(1, len(products) * len(shards))
    depth = min(max(_LEAST_DEPTH, min(_MOST_DEPTH, affordable)), max(len(sold) for sold, _ in distinct))
    similarities = np.empty((len(products), len(shards), depth))
    right = np.empty(similarities.shape, np.bool_)
    for column, (plan, (sold, product_of_row)) in enumerate(zip(shards, distinct, strict=True)):
        number = {name: place for place, name in enumerate(sold)}
        labels = [(photo, number[name]) for photo, shown in enumerate(products) for name in shown if name in number]
        pairs = np.array(labels, np.intp).reshape(-1, 2)
        vectors = vectors_of(plan.rows)
        similarities[:, column], right[:, column] = nearest_products(
            answers.vectors, vectors, product_of_row, pairs, depth
        )
    return similarities, right


def _relevance(lessons: Lessons, classifier: ModelInfo) -> Relevance:
    fusion = FusionEntry(
        classifier_sha256=classifier.sha256,
        weights=lessons.fused.fusion,
        waves=lessons.waves,
        match_threshold=lessons.fused.match_threshold,
    )
    return Relevance(photos=lessons.photos, match_threshold=lessons.plain.match_threshold, fusion=fusion)


def _why_nothing(evidence: Evidence) -> str:
    known = evidence.of(evidence.answerable)
    if len(known) < LEAST_PHOTOS:
        return (
            f"scores are not fitted: {len(known):,} held-out photos show products that their shards find, and fitting "
            f"needs {LEAST_PHOTOS}"
        )
    if len(set(known.products)) < LEAST_PRODUCTS:
        return (
            f"scores are not fitted: all {len(known):,} held-out photos show product {known.products[0]!r}, and what "
            "is learned from one product can't be tried on another"
        )
    return (
        f"scores are not fitted: on {len(known):,} held-out photos the right product is no more similar than others; "
        "are the labels right, and the embedder fit for these pictures?"
    )
