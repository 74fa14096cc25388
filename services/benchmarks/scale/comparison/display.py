"""What the comparison found, for people: a line per engine and a column per filter. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.benchmarks.scale.comparison.ladder import Chosen
from services.benchmarks.scale.latency import Latency


@dataclass(frozen=True, slots=True)
class Result:
    """How an engine does with a filter.

    Attributes:
        engine: its name.
        filter: the filter's name.
        chosen: the effort that it was asked with.
        latency: what searches took then.
    """

    engine: str
    filter: str
    chosen: Chosen
    latency: Latency

    def __str__(self) -> str:
        """Return p50 / p99 in milliseconds, and the recall in parentheses."""
        return f"{self.latency.p50:.2f} / {self.latency.p99:.2f} ({self.chosen.recall:.3f})"


def table(build_seconds: Mapping[str, float], results: Sequence[Result]) -> str:
    """Return all results as a table in Markdown.

    Args:
        build_seconds: by engine, in the order of the lines.
        results: one for each engine and filter.
    """
    filters = tuple(dict.fromkeys(result.filter for result in results))
    found = {(result.engine, result.filter): str(result) for result in results}
    lines = [("p50 / p99 ms (recall)", "built in", *filters), ("---",) * (2 + len(filters))]
    for engine, seconds in build_seconds.items():
        lines.append((engine, f"{seconds:.1f} s", *(found[engine, each] for each in filters)))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
