"""Confidence against being right, and how often a "no good match" was right. Pure."""

from collections.abc import Container, Iterable, Sequence

import numpy as np

from services.client.types import Verdict
from services.evaluation.observation import Observation, Query
from services.evaluation.schema import Reliability, ReliabilityBin, Verdicts
from services.relevance.reliability import binned, expected_calibration_error

Judgement = tuple[float, bool]
"""A confidence in [0, 1], and whether it was right."""


def reliability(judgements: Iterable[Judgement]) -> Reliability | None:
    """Return the bins and their expected calibration error; None without anything to judge."""
    judged = list(judgements)
    if not judged:
        return None
    bins = binned(*(np.array(column) for column in zip(*judged, strict=True)))
    return Reliability(
        photos=len(judged),
        expected_calibration_error=expected_calibration_error(bins),
        bins=[
            ReliabilityBin(
                low=each.low, high=each.high, photos=each.count, confidence=each.confidence, accuracy=each.accuracy
            )
            for each in bins
        ],
    )


def score_judgements(queries: Sequence[Query], observations: Iterable[Observation]) -> list[Judgement]:
    """Return each answer's best score, and whether that hit is a right product; photos without a product are left out.

    Scores that are no probabilities, because the snapshot learned none, are in [0, 1] all the same.
    """
    return [
        (seen.hits[0].score, seen.hits[0].product_id in queries[seen.query].products)
        for seen in observations
        if seen.hits and queries[seen.query].products
    ]


def verdicts(queries: Sequence[Query], observations: Iterable[Observation], gallery: Container[str]) -> Verdicts | None:
    """Count the verdicts over photos with a product; None when no answer had one."""
    told = [
        (queries[seen.query], seen)
        for seen in observations
        if seen.verdict is not Verdict.UNKNOWN and queries[seen.query].products
    ]
    if not told:
        return None
    refused = [(query, seen) for query, seen in told if seen.verdict is Verdict.NO_GOOD_MATCH]
    return Verdicts(
        answers=len(told),
        no_good_match=len(refused),
        no_good_match_rightly=sum(_is_wrong(query, seen) for query, seen in refused),
        wrong=sum(_is_wrong(query, seen) for query, seen in told),
        not_in_gallery=sum(_is_missing(query, gallery) for query, _ in told),
        not_in_gallery_told=sum(_is_missing(query, gallery) for query, _ in refused),
    )


def _is_wrong(query: Query, seen: Observation) -> bool:
    return not seen.hits or seen.hits[0].product_id not in query.products


def _is_missing(query: Query, gallery: Container[str]) -> bool:
    return not any(product in gallery for product in query.products)
