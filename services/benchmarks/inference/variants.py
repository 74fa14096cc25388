"""What is compared: a network's input size, its numbers and its runtime; and how many instances run it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

RUNTIMES: Final = {"onnxruntime": "ONNX Runtime", "openvino": "OpenVINO"}
"""Runtimes by the names that the worker knows, in words."""
PRECISIONS: Final = ("fp32", "int8")
SHAPES: Final = ((1, 1), (1, 2), (2, 1))
"""Instances of a model, and threads of each."""


@dataclass(frozen=True, slots=True)
class Found:
    """What validation photos say of a variant.

    Attributes:
        accuracy: share whose likeliest category is right.
        recall_at_1: share whose nearest picture shows their product; None for a model without embeddings, or where no
            photo names its product.
    """

    accuracy: float
    recall_at_1: float | None


@dataclass(frozen=True, slots=True)
class Cost:
    """What one photo takes, a batch of one.

    Attributes:
        photos_per_second: of all instances together.
        ms: from asking to the answer.
        cpu_ms: processor time of all threads.
    """

    photos_per_second: float
    ms: float
    cpu_ms: float


@dataclass(frozen=True, slots=True)
class Row:
    """One point of the curve.

    Attributes:
        model: which network.
        side: of its input, pixels.
        precision: of `PRECISIONS`.
        runtime: of `RUNTIMES`.
        found: what validation photos say.
        costs: one for each of `SHAPES`.
    """

    model: str
    side: int
    precision: str
    runtime: str
    found: Found
    costs: tuple[Cost, ...]


def median_cost(times: Sequence[Mapping[str, float]]) -> Cost:
    """Return the medians of what was measured several times, so that a slow spell of the machine is forgotten."""
    return Cost(*(median(each[key] for each in times) for key in ("photos_per_second", "ms", "cpu_ms")))


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a table in Markdown."""
    shapes = " | ".join(f"{instances} x {threads}: ms; CPU ms; photos/s" for instances, threads in SHAPES)
    lines = [f"| model | side | numbers | runtime | top-1 | R@1 | {shapes} |", "|---" * (6 + len(SHAPES)) + "|"]
    for row in rows:
        recall = "" if row.found.recall_at_1 is None else f"{row.found.recall_at_1:.3f}"
        costs = " | ".join(f"{cost.ms:.1f}; {cost.cpu_ms:.1f}; {cost.photos_per_second:.0f}" for cost in row.costs)
        name = RUNTIMES[row.runtime]
        lines.append(
            f"| {row.model} | {row.side} | {row.precision} | {name} | {row.found.accuracy:.3f} | {recall} | {costs} |"
        )
    return "\n".join(lines)
