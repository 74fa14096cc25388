"""What was to be reached and what was measured: the report of a benchmark. Pure but for the file."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from services.common.replacing import write_in_one_step

Figures = Mapping[str, float]


@dataclass(frozen=True)
class Target:
    """One promise.

    Attributes:
        name: what it is about.
        reach: the least of each figure; `at_most` names those of which it is the most.
        value: the figures measured, by the same names.
        at_most: figures that must not be larger.
    """

    name: str
    reach: Figures
    value: Figures
    at_most: Sequence[str] = ()

    @property
    def met(self) -> bool:
        """Whether every figure is reached."""
        return all(
            self.value[name] <= reach if name in self.at_most else self.value[name] >= reach
            for name, reach in self.reach.items()
        )


def write_report(path: Path, targets: Sequence[Target], further: Mapping[str, Any]) -> None:
    """Write `report.json`: `targets`, each with name, reach, value and met, and what else is worth knowing."""
    rows = [{**asdict(target), "met": target.met} for target in targets]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_in_one_step(path, json.dumps({"targets": rows, **further}, indent=2) + "\n")


def table(targets: Sequence[Target]) -> str:
    """Return the targets as lines for people."""
    return "\n".join(_line(target) for target in targets)


def _line(target: Target) -> str:
    figures = ", ".join(
        f"{name} {target.value[name]:.3f} ({'at most' if name in target.at_most else 'at least'} {reach:g})"
        for name, reach in target.reach.items()
    )
    return f"{'met   ' if target.met else 'MISSED'}  {target.name}: {figures}"
