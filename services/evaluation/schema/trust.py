"""How far confidences, scores and verdicts can be believed. Pure."""

from services.evaluation.schema.base import Frozen


class ReliabilityBin(Frozen):
    """Photos of about the same confidence."""

    low: float
    """Where the bin begins; it holds `low <= confidence < high`, the last one also 1."""
    high: float
    """Where it ends."""
    photos: int
    """Photos in it, at least 1: empty bins are left out."""
    confidence: float
    """Their mean confidence."""
    accuracy: float
    """Share of them that were right."""


class Reliability(Frozen):
    """Confidence against being right, in bins of equal width."""

    photos: int
    """Photos in all bins."""
    expected_calibration_error: float
    """Mean gap between confidence and accuracy over the bins, weighted by their photos, 0 to 1."""
    bins: list[ReliabilityBin]
    """Those that hold photos, the least confident first."""


class Verdicts(Frozen):
    """How often an answer said "no good match", over photos with a product whose answer had a verdict."""

    answers: int
    """Answers with a verdict."""
    no_good_match: int
    """Those of them that said so."""
    no_good_match_rightly: int
    """Those of these whose best hit was indeed wrong."""
    wrong: int
    """Answers with a verdict whose best hit was wrong, all that there was to be said."""
    not_in_gallery: int
    """Those of the wrong ones whose product the catalogue lacks."""
    not_in_gallery_told: int
    """Those of these that said "no good match"."""
