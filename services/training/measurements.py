"""How far a model file is from the code that made it. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Parity:
    """How far a file's answers are from those of the code that made it, over a few pictures.

    Attributes:
        least_cosine: of a picture's two answers.
        largest_difference: of a single number of them, absolute.
    """

    least_cosine: float
    largest_difference: float

    def __str__(self) -> str:
        """Return it in words, as cards and errors have it."""
        return f"least cosine {self.least_cosine:.6f}, largest difference {self.largest_difference:.1e}"


EXACT = Parity(1.0, 0.0)
"""Of a file that is what it is compared with."""

PARITY_PHOTOS = 64
"""How many photos files and code are compared on."""
