"""How good the classifier is on a dataset's test photos, over all labels and within the dataset's own."""

from collections.abc import Sequence

import numpy as np

from services.datasets.labelled import Dataset
from services.training.calibration import Floats, condition, expected_calibration_error
from services.training.gathering import Pictures
from services.training.measurements import Quality


def judge(
    dataset: Dataset, taken: Pictures, shown: Sequence[str], probabilities: Floats, names: Sequence[str]
) -> Quality:
    """Compare probabilities with what is on the photos.

    Args:
        dataset: what they are from.
        taken: the N photos.
        shown: the categories of the dataset's catalogue.
        probabilities: float64 [N, C], one column per name.
        names: the classifier's labels.
    """
    columns = np.array([place for place, name in enumerate(names) if name in set(shown)])
    labels = taken.labels(names)
    within = condition(probabilities, columns)
    places = np.searchsorted(columns, labels)
    return Quality(
        dataset=dataset.name,
        photos=len(labels),
        categories=len(columns),
        accuracy=float((probabilities.argmax(axis=1) == labels).mean()),
        conditioned_accuracy=float((within.argmax(axis=1) == places).mean()),
        conditioned_calibration_error=expected_calibration_error(within, places),
    )
