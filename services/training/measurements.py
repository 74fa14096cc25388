"""What is measured of a model, for its card. Needs no torch."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Parity:
    """How far the file is from the module on test pictures: lowest cosine and largest difference of an output."""

    least_cosine: float
    largest_difference: float


EXACT = Parity(1.0, 0.0)
"""Of a file that is what it is compared with."""


@dataclass(frozen=True)
class Retrieval:
    """How well photos find their product among all studio pictures of a dataset."""

    dataset: str
    photos: int
    gallery: int
    recall_at_1: float
    recall_at_5: float
    mean_reciprocal_rank: float
