"""The classifier's probabilities as a prior over one snapshot's categories. Pure."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def label_positions(categories: Sequence[str], labels: Sequence[str]) -> npt.NDArray[np.intp]:
    """Return for each category its place among the classifier's labels, intp `(C,)`; -1 when it is none of them."""
    place = {label.strip(): number for number, label in enumerate(labels)}
    return np.array([place.get(category, -1) for category in categories], np.intp)


def conditioned(probabilities: npt.NDArray[np.floating], positions: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
    """Return the probabilities of the categories, given that it is one of them.

    The classifier may know categories that the snapshot lacks, and the other way round: those have none.

    Args:
        probabilities: the classifier's, `(..., labels)`.
        positions: what `label_positions` returned, `(C,)`.

    Returns:
        float64 `(..., C)`, each row adding up to 1; all 0 where the whole mass is on other categories.
    """
    here = np.where(positions >= 0, probabilities[..., positions], 0.0).astype(np.float64)
    total = here.sum(axis=-1, keepdims=True)
    return np.asarray(np.divide(here, total, out=np.zeros_like(here), where=total > 0))
