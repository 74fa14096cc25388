"""Snapshots and their changes, for people as tables and sentences, for programs as JSON; and lists of ids."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rich.box import SIMPLE
from rich.table import Table
from rich.text import Text

from services.cli.console import print_json, results
from services.common.errors import InvalidArgument
from services.indexer.changing import ChangeReport
from services.snapshot.history import Kept
from services.snapshot.manifest import Manifest, ShardEntry

_KILO = 1000


def read_ids(path: Path) -> list[str]:
    """Return the ids of a file with one per line; blanks around them and empty lines don't count.

    Raises:
        InvalidArgument: it is not there, or no text.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise InvalidArgument(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InvalidArgument(f"{path}: not UTF-8; save it with that encoding") from None
    return [line.strip() for line in lines if line.strip()]


def show_change(report: ChangeReport, *, as_json: bool) -> None:
    """Write what a change did."""
    if as_json:
        print_json(_change_json(report))
        return
    for line in change_lines(report):
        results().print(line, markup=False, soft_wrap=True)


def show_visible(snapshot_id: str, gateway: str, seconds: float, *, as_json: bool) -> None:
    """Write how many seconds after publishing a gateway answered from a snapshot."""
    if as_json:
        told = {"snapshot_id": snapshot_id, "gateway": gateway, "seconds_until_served": round(seconds, 3)}
        print_json(told)
        return
    line = f"the gateway at {gateway} answers from it: {seconds:.2f} s after it was published"
    results().print(line, markup=False, soft_wrap=True)


def change_lines(report: ChangeReport) -> Iterable[str]:
    """Yield what a change did: a line for the snapshot, and one for every shard that is not as it was."""
    before, after = report.before, report.after
    if before.snapshot_id == after.snapshot_id:
        yield f"nothing to do: snapshot {after.snapshot_id} stays the current one"
        return
    images, products = (now - then for now, then in zip(_counts(after), _counts(before), strict=True))
    yield f"snapshot {after.snapshot_id}, a change of {before.snapshot_id}: {images:+,} images, {products:+,} products"
    for slug in sorted({shard.slug for manifest in (before, after) for shard in manifest.shards}):
        then, now = before.shard(slug), after.shard(slug)
        if now is None:
            yield f"  {slug}: gone; its searcher serves what else it has"
        elif then is None:
            yield f"  {slug}: new, {now.images:,} images; start a searcher for it, and the gateways with its address"
        elif (
            (rows := _rows(now)) != _rows(then) or now.images != then.images or len(now.segments) != len(then.segments)
        ):
            yield f"  {slug}: {now.images:,} images in {_segments(len(now.segments))}, {rows - now.images:,} withdrawn"


def kept_table(kept: Sequence[Kept]) -> Table:
    """Return snapshots as a table."""
    table = Table(box=SIMPLE, header_style="dim")
    for heading in ("snapshot", "built", "images", "products", "segments", "withdrawn", "own", "shared", "parent"):
        table.add_column(heading, justify="left" if heading in {"snapshot", "built", "parent"} else "right")
    for each in kept:
        name = Text(f"{each.snapshot_id} *" if each.is_current else each.snapshot_id)
        if each.manifest is None:
            table.add_row(name, Text(each.problem), *[""] * 4, size_words(each.own_bytes))
            continue
        images, products = _counts(each.manifest)
        numbers = (images, products, *_segment_counts(each.manifest))
        sizes = (size_words(each.own_bytes), size_words(each.shared_bytes))
        table.add_row(name, each.manifest.created_at, *(f"{n:,}" for n in numbers), *sizes, each.manifest.parent)
    table.caption = "* is the current one" if any(each.is_current for each in kept) else "none of them is current"
    table.caption_justify = "left"
    return table


def kept_json(kept: Kept) -> dict[str, Any]:
    """Return a snapshot for programs."""
    told: dict[str, Any] = {"snapshot_id": kept.snapshot_id, "current": kept.is_current, "problem": kept.problem}
    if kept.manifest is not None:
        images, products = _counts(kept.manifest)
        segments, withdrawn = _segment_counts(kept.manifest)
        told |= {"created_at": kept.manifest.created_at, "parent": kept.manifest.parent}
        told |= {"images": images, "products": products, "segments": segments, "withdrawn_images": withdrawn}
    return {**told, "own_bytes": kept.own_bytes, "shared_bytes": kept.shared_bytes}


def size_words(size_bytes: float) -> str:
    """Return a size for people."""
    for unit in ("B", "kB", "MB"):
        if size_bytes < _KILO:
            return f"{size_bytes:.0f} {unit}" if unit == "B" else f"{size_bytes:.1f} {unit}"
        size_bytes /= _KILO
    return f"{size_bytes:,.1f} GB"


def _change_json(report: ChangeReport) -> dict[str, Any]:
    images, products = _counts(report.after)
    images_before, products_before = _counts(report.before)
    told = {"snapshot_id": report.after.snapshot_id, "parent": report.before.snapshot_id}
    counts = {"images": images, "products": products}
    changes = {"more_images": images - images_before, "more_products": products - products_before}
    return {**told, "changed": report.before != report.after, **counts, **changes}


def _counts(manifest: Manifest) -> tuple[int, int]:
    """Return how many images and products can be found."""
    shards = manifest.category_shards
    return sum(shard.images for shard in shards), sum(shard.products for shard in shards)


def _segment_counts(manifest: Manifest) -> tuple[int, int]:
    """Return how many segments there are without those of the baseline, and how many of their rows are withdrawn."""
    segments = [segment for shard in manifest.category_shards for segment in shard.segments]
    return len(segments), sum(segment.withdrawn_images for segment in segments)


def _rows(shard: ShardEntry) -> int:
    return sum(segment.images for segment in shard.segments)


def _segments(number: int) -> str:
    return "1 segment" if number == 1 else f"{number} segments"
