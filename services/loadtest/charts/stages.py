"""Where the gateway's time goes, stage by stage. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from services.evaluation.charts.frame import MARGIN, WIDTH
from services.loadtest.schema import StageTime

ROW_HEIGHT: Final = 30.0
_LABELS_WIDTH: Final = 150.0
_FIGURES_WIDTH: Final = 150.0


@dataclass(frozen=True, slots=True)
class StageBar:
    """A stage's row: its median as a bar, its 99th percentile as a thin line behind it; None where it is not told."""

    stage: str
    y: float
    x: float
    width: float
    line: float | None
    time: StageTime


def stage_bars(stages: Mapping[str, StageTime], order: Mapping[str, str]) -> list[StageBar]:
    """Return a row for each stage that was told, in the order of `order`, those that it lacks at the end."""
    names = [*(name for name in order if name in stages), *(name for name in stages if name not in order)]
    longest = max((time.p99 or time.p50 for time in stages.values()), default=0.0) or 1.0
    scale = (WIDTH - _LABELS_WIDTH - _FIGURES_WIDTH - MARGIN) / longest
    return [
        StageBar(
            stage=name,
            y=ROW_HEIGHT * row,
            x=_LABELS_WIDTH,
            width=stages[name].p50 * scale,
            line=None if (p99 := stages[name].p99) is None else _LABELS_WIDTH + p99 * scale,
            time=stages[name],
        )
        for row, name in enumerate(names)
    ]
