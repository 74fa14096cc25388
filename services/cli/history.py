"""Every snapshot below a root: for people as a table as wide as their terminal, for programs as JSON."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from rich.box import SIMPLE
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from services.cli.snapshots import counts, size_words
from services.snapshot.history import Kept
from services.snapshot.manifest import Manifest

_ID: Final = "snapshot"
_HEADINGS: Final = (_ID, "built", "images", "products", "segments", "withdrawn", "own", "shared", "parent")
_TEXTS: Final = (_ID, "built", "parent")
_DISPENSABLE: Final = ("built", "parent", "withdrawn", "segments", "shared", "products", "images", "own")
"""What a narrow terminal does without, the first to go first: an id tells the time of building, too."""
_UNLIMITED: Final = 1_000


def show_history(console: Console, kept: Sequence[Kept]) -> None:
    """Write a line for each snapshot with its whole id, which people copy, and what is wrong with any below them."""
    rows = [_row(each) for each in kept]
    headings = list(_HEADINGS)
    for heading in _DISPENSABLE:
        if _width(console, _table(headings, rows)) > console.width:
            headings.remove(heading)
    console.print(_table(headings, rows))
    for each in kept:
        if each.problem:
            console.print(f"{each.snapshot_id}: {each.problem}", markup=False, soft_wrap=True)
    left_out = [heading for heading in _HEADINGS if heading not in headings]
    for line in _notes(kept, left_out):
        console.print(line, markup=False, soft_wrap=True, style="dim")


def kept_json(kept: Kept) -> dict[str, Any]:
    """Return a snapshot for programs."""
    told: dict[str, Any] = {"snapshot_id": kept.snapshot_id, "current": kept.is_current, "problem": kept.problem}
    if kept.manifest is not None:
        images, products = counts(kept.manifest)
        segments, withdrawn = _segment_counts(kept.manifest)
        told |= {"created_at": kept.manifest.created_at, "parent": kept.manifest.parent}
        told |= {"images": images, "products": products, "segments": segments, "withdrawn_images": withdrawn}
    return {**told, "own_bytes": kept.own_bytes, "shared_bytes": kept.shared_bytes}


def _row(kept: Kept) -> Mapping[str, str]:
    """Return what is known of a snapshot, by heading."""
    row = {_ID: f"{kept.snapshot_id} *" if kept.is_current else kept.snapshot_id, "own": size_words(kept.own_bytes)}
    if kept.manifest is None:
        return row
    numbers = (*counts(kept.manifest), *_segment_counts(kept.manifest))
    row |= dict(zip(("images", "products", "segments", "withdrawn"), (f"{each:,}" for each in numbers), strict=True))
    texts = {"built": kept.manifest.created_at, "parent": kept.manifest.parent}
    return {**row, **texts, "shared": size_words(kept.shared_bytes)}


def _table(headings: Sequence[str], rows: Sequence[Mapping[str, str]]) -> Table:
    table = Table(box=SIMPLE, header_style="dim")
    for heading in headings:
        is_id = heading == _ID  # where even ids are too wide, they go on in the next line
        table.add_column(heading, justify="left" if heading in _TEXTS else "right", no_wrap=not is_id, overflow="fold")
    for row in rows:
        table.add_row(*(Text(row.get(heading, "")) for heading in headings))
    return table


def _width(console: Console, table: Table) -> int:
    """Return how many characters wide a table would like to be."""
    return Measurement.get(console, console.options.update(max_width=_UNLIMITED), table).maximum


def _notes(kept: Sequence[Kept], left_out: Sequence[str]) -> Iterator[str]:
    yield "* is the current one" if any(each.is_current for each in kept) else "none of them is current"
    if kept and left_out:
        yield f"a wider terminal, or --json, shows more: {', '.join(left_out)}"


def _segment_counts(manifest: Manifest) -> tuple[int, int]:
    """Return how many segments there are without those of the baseline, and how many of their rows are withdrawn."""
    segments = [segment for shard in manifest.category_shards for segment in shard.segments]
    return len(segments), sum(segment.withdrawn_images for segment in segments)
