"""Merging the shards' hits into one ranking of distinct products. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.relevance.scoring import Floats, probability


@dataclass(frozen=True, slots=True)
class ShardHits:
    """What one shard found, best first, one entry per product.

    Attributes:
        product_ids: products, distinct.
        image_ids: each product's most similar gallery image.
        image_paths: where each image lies, relative to the catalogue's image root.
        categories: the category of each product.
        similarities: inner products float32 `(n,)`, not increasing.
        exhausted: whether the shard has no more products than these.
    """

    product_ids: Sequence[str]
    image_ids: Sequence[str]
    image_paths: Sequence[str]
    categories: Sequence[str]
    similarities: npt.NDArray[np.float32]
    exhausted: bool


@dataclass(frozen=True, slots=True)
class Hit:
    """One product of the answer.

    Attributes:
        product_id: the product.
        image_id: its most similar gallery image.
        image_path: where that lies.
        category: its TLC.
        score: the probability that it is the product in the photo, in [0, 1].
        similarity: inner product of the two unit vectors.
    """

    product_id: str
    image_id: str
    image_path: str
    category: str
    score: float
    similarity: float


def merge_top_k(shards: Sequence[tuple[ShardHits, Floats]], top_k: int) -> tuple[Hit, ...]:
    """Merge the shards' hits into the best `top_k` distinct products, best first.

    Ranked by log-odds, for probabilities close to 1 are all the same number.

    Args:
        shards: per shard its hits and their log-odds float64 `(n,)`.
        top_k: products to keep, at least 1.

    Raises:
        ValueError: `top_k < 1`, or a shard's arrays differ in length.

    Ties break by higher similarity, then by product id, then by image id, so the answer does not depend on which shard
    came first.
    """
    if top_k < 1:
        raise ValueError(f"top_k must be at least 1, not {top_k}")
    candidates: list[tuple[float, float, str, str, int, int]] = []
    for number, (hits, log_odds) in enumerate(shards):
        columns = (hits.product_ids, hits.image_ids, hits.image_paths, hits.categories, hits.similarities, log_odds)
        if len({len(column) for column in columns}) != 1:
            raise ValueError("the columns of a shard's hits and their log-odds differ in length")
        candidates += zip(
            (-log_odds).tolist(),
            (-hits.similarities).tolist(),
            hits.product_ids,
            hits.image_ids,
            (number,) * len(log_odds),
            range(len(log_odds)),
            strict=True,
        )
    best: dict[str, tuple[float, float, str, int, int]] = {}
    for negative_log_odds, negative_similarity, product_id, image_id, number, row in sorted(candidates):
        if product_id in best:
            continue
        best[product_id] = (negative_log_odds, negative_similarity, image_id, number, row)
        if len(best) == top_k:
            break
    scores = probability(-np.array([negative_log_odds for negative_log_odds, *_ in best.values()])).tolist()
    return tuple(
        Hit(
            product_id=product_id,
            image_id=image_id,
            image_path=shards[number][0].image_paths[row],
            category=shards[number][0].categories[row],
            score=score,
            similarity=-negative_similarity,
        )
        for score, (product_id, (_, negative_similarity, image_id, number, row)) in zip(
            scores, best.items(), strict=True
        )
    )
