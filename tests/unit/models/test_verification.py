"""The comparison with the golden answer."""

import numpy as np
import pytest

from services.common.errors import FailedPrecondition
from services.models.repository import GoldenAnswer
from services.models.verification import compare_to_golden

GOLDEN = GoldenAnswer(output=np.array([0.6, 0.8], np.float32), tolerance=0.01)


def test_an_answer_within_the_tolerance_passes() -> None:
    """Other processors round differently."""
    compare_to_golden("embedder", np.array([0.605, 0.795], np.float32), GOLDEN)


def test_another_answer_is_refused_with_figures() -> None:
    """The message says how wrong it is and what to look at."""
    with pytest.raises(FailedPrecondition, match=r"embedder: .* difference 0\.4 .* cosine 0\.968\d+; .*model file"):
        compare_to_golden("embedder", np.array([1.0, 0.8], np.float32), GOLDEN)


def test_zeros_point_to_numpy() -> None:
    """Exactly zeros come from a stub that reads numpy 2's arrays."""
    with pytest.raises(FailedPrecondition, match="numpy 2"):
        compare_to_golden("embedder", np.zeros(2, np.float32), GOLDEN)


@pytest.mark.parametrize("output", [[np.nan, 0.8], [0.6, 0.8, 0.0]])
def test_nan_and_other_sizes_are_refused(output: list[float]) -> None:
    """Comparisons with NaN are false, which must not let it pass."""
    with pytest.raises(FailedPrecondition):
        compare_to_golden("embedder", np.array(output, np.float32), GOLDEN)


def test_a_small_vector_of_another_direction_is_refused() -> None:
    """Where all entries are smaller than the tolerance only the cosine tells."""
    golden = GoldenAnswer(output=np.array([0.001, 0.0], np.float32), tolerance=0.01)
    with pytest.raises(FailedPrecondition, match=r"cosine 0\.0"):
        compare_to_golden("embedder", np.array([0.0, 0.001], np.float32), golden)
