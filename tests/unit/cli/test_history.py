"""`aisle snapshot list` for people: whole ids at any width, and what else there is room for."""

from dataclasses import replace
from datetime import timedelta
from io import StringIO

import pytest
from rich.console import Console

from services.cli.history import show_history
from services.snapshot.history import Kept
from services.snapshot.publishing import stamped
from tests.support.gateway import manifest_of
from tests.support.shop import NOON

FIRST = stamped(manifest_of(), NOON)
SECOND = stamped(manifest_of(("Bags",)).model_copy(update={"parent": FIRST.snapshot_id}), NOON + timedelta(hours=1))
KEPT = [
    Kept(FIRST.snapshot_id, is_current=False, manifest=FIRST, problem="", own_bytes=1_500_000, shared_bytes=0),
    Kept(SECOND.snapshot_id, is_current=True, manifest=SECOND, problem="", own_bytes=2_000, shared_bytes=1_500_000),
]


def shown(kept: list[Kept], width: int) -> list[str]:
    """Return the lines that a terminal of so many characters gets."""
    terminal = StringIO()
    show_history(Console(file=terminal, width=width, highlight=False), kept)
    return terminal.getvalue().splitlines()


@pytest.mark.parametrize(
    ("width", "headings"),
    [
        (200, ["snapshot", "built", "images", "products", "segments", "withdrawn", "own", "shared", "parent"]),
        (120, ["snapshot", "images", "products", "segments", "withdrawn", "own", "shared"]),
        (80, ["snapshot", "images", "products", "own", "shared"]),
        (40, ["snapshot"]),
    ],
)
def test_ids_are_whole_and_other_columns_go_first(width: int, headings: list[str]) -> None:
    """Each on a line of its own, to be copied; what is left out is named."""
    lines = shown(KEPT, width)
    assert next(line.split() for line in lines if "snapshot" in line) == headings
    assert [line.split()[0] for line in lines if "20260" in line] == [FIRST.snapshot_id, SECOND.snapshot_id]
    assert f"{SECOND.snapshot_id} *" in "\n".join(lines)
    assert any("a wider terminal, or --json, shows more: built" in line for line in lines) == (width < 200)


def test_on_the_narrowest_terminal_an_id_goes_on_in_the_next_line() -> None:
    """Nothing of it is lost."""
    assert SECOND.snapshot_id in "".join(line.strip() for line in shown(KEPT, 20))


def test_what_is_wrong_with_a_snapshot_is_said_below_in_full() -> None:
    """Beside its id, however long it is."""
    problem = "no manifest: files that later snapshots share, or an upload that has not ended"
    lines = shown([replace(KEPT[0], manifest=None, problem=problem)], 60)
    assert f"{FIRST.snapshot_id}: {problem}" in lines
    assert "none of them is current" in lines
