"""Pictures that exist on paper only, with features made to order."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.training.features import FeatureBank
from services.training.gathering import Pictures


def pictures(name: str, rows: Sequence[tuple[str, str]]) -> Pictures:
    """Return a picture per row (category, product)."""
    paths = [Path(f"{name}/{number}.jpg") for number in range(len(rows))]
    return Pictures(paths, [category for category, _ in rows], [product for _, product in rows])


def bank_of(shown: Pictures, feature: Callable[[str, str], NDArray[np.float64]]) -> FeatureBank:
    """Return a bank with a feature for each picture and another one for its mirror image."""
    rows = list(zip(shown.paths, shown.categories, shown.products, strict=True))
    plain, mirrored = (
        {str(path): feature(category, product).astype(np.float32) for path, category, product in rows} for _ in range(2)
    )
    return FeatureBank(plain, mirrored, {})
