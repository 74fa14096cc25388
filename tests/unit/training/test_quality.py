"""The classifier's figures on a small table with known answers."""

from pathlib import Path

import numpy as np
import pytest

from services.datasets.labelled import Dataset
from services.training.gathering import Pictures
from services.training.quality import judge


def test_conditioning_drops_foreign_categories() -> None:
    """A photo lost to another dataset's category is found again when only its own categories count."""
    dataset = Dataset("d", Path(), Path())
    taken = Pictures([Path("1"), Path("2")], ["Bag", "Shoe"], ["", ""])
    probabilities = np.array([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]])  # Apple, Bag, Shoe
    quality = judge(dataset, taken, ["Shoe", "Bag", "Bag"], probabilities, ["Apple", "Bag", "Shoe"])
    assert (quality.categories, quality.photos) == (2, 2)
    assert quality.accuracy == pytest.approx(0.5)
    assert quality.conditioned_accuracy == pytest.approx(1.0)
    assert quality.conditioned_calibration_error == pytest.approx(((1 - 0.6) + (1 - 7 / 9)) / 2)
