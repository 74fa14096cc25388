"""A box in a picture, in shares of its width and height. Pure."""

import math
from dataclasses import dataclass

from services.common.errors import RegionInvalid


@dataclass(frozen=True, slots=True)
class Region:
    """A box in the upright picture; (0, 0) is its upper left corner, (1, 1) its lower right one.

    Raises:
        RegionInvalid: a number that is not finite, a box outside the picture, or one without area.
    """

    x_min: float
    y_min: float
    x_max: float
    y_max: float

    def __post_init__(self) -> None:
        for name in ("x_min", "y_min", "x_max", "y_max"):
            value = getattr(self, name)
            if not math.isfinite(value) or not 0.0 <= value <= 1.0:
                raise RegionInvalid(f"region.{name} is {value}, outside 0 to 1", field=f"region.{name}")
        for low, high in (("x_min", "x_max"), ("y_min", "y_max")):
            if getattr(self, low) >= getattr(self, high):
                raise RegionInvalid(f"region.{low} must be below region.{high}", field=f"region.{low}")

    def box(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Return (left, upper, right, lower) in pixels of a picture of that size, at least one pixel each way."""
        left = min(int(self.x_min * width), width - 1)
        upper = min(int(self.y_min * height), height - 1)
        right = max(left + 1, math.ceil(self.x_max * width))
        lower = max(upper + 1, math.ceil(self.y_max * height))
        return left, upper, right, lower
