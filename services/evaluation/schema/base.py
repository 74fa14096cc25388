"""What all parts of the schema share. Pure."""

from typing import Final

from pydantic import BaseModel, ConfigDict

SCHEMA_VERSION: Final = 2

METRICS = ("recall_at_1", "recall_at_5", "recall_at_10", "map", "mrr")
"""The product metrics of a policy, in the order of tables."""

MEAN_GAIN_METRICS = ("recall_at_1", "recall_at_5", "map")
"""The metrics whose gains make the mean gain."""

Interval = tuple[float, float]


class Frozen(BaseModel):
    """A part of the report: unchangeable, and without fields that nobody knows."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
