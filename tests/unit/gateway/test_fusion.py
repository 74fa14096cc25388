"""From similarity and prior to score: the properties that ranking relies on."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.fusion import fuse
from services.snapshot.manifest import Calibration

similarities = st.floats(-1.0, 1.0, width=32)
priors = st.floats(0.0, 1.0)
weights = st.floats(0.0, 3.0)
calibrations = st.builds(Calibration, slope=st.floats(0.01, 5.0), intercept=st.floats(-1.0, 1.0))


def score(similarity: float, calibration: Calibration, prior: float, weight: float) -> float:
    (value,) = fuse(np.array([similarity], np.float32), calibration, prior, weight).tolist()
    return float(value)


@given(similarity=similarities, calibration=calibrations, prior=priors, weight=weights)
def test_scores_stay_in_range(similarity: float, calibration: Calibration, prior: float, weight: float) -> None:
    """Whatever the calibration, a score is in [0, 1]."""
    assert 0.0 <= score(similarity, calibration, prior, weight) <= 1.0


@given(pair=st.tuples(similarities, similarities), calibration=calibrations, prior=priors, weight=weights)
def test_more_similar_is_never_worse(
    pair: tuple[float, float], calibration: Calibration, prior: float, weight: float
) -> None:
    """Within a shard the order of similarity is the order of score."""
    low, high = sorted(pair)
    assert score(low, calibration, prior, weight) <= score(high, calibration, prior, weight)


@given(pair=st.tuples(priors, priors), similarity=similarities, calibration=calibrations, weight=weights)
def test_likelier_is_never_worse(
    pair: tuple[float, float], similarity: float, calibration: Calibration, weight: float
) -> None:
    """The same similarity counts more in a likelier category."""
    low, high = sorted(pair)
    assert score(similarity, calibration, low, weight) <= score(similarity, calibration, high, weight)


@given(similarity=similarities, calibration=calibrations, prior=priors)
def test_weight_zero_is_the_calibration_alone(similarity: float, calibration: Calibration, prior: float) -> None:
    """Then not even a prior of 0 has a say."""
    expected = min(1.0, max(0.0, calibration.intercept + calibration.slope * similarity))
    assert score(similarity, calibration, prior, 0.0) == expected


def test_an_impossible_category_still_ranks_by_similarity() -> None:
    """A prior of 0 does not make all of its hits equal."""
    worse, better = fuse(np.array([0.2, 0.3], np.float32), Calibration(slope=0.5, intercept=0.5), 0.0, 0.15)
    assert 0.0 < worse < better


def test_the_weighted_product() -> None:
    """(0.5 + 0.5 * 0.5) * 0.25 ** 0.5, by hand."""
    assert score(0.5, Calibration(slope=0.5, intercept=0.5), 0.25, 0.5) == 0.375
