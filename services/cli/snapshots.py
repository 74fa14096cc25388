"""Changes of snapshots, for people as sentences, for programs as JSON; and lists of ids."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from services.cli.console import print_json, results
from services.common.errors import InvalidArgument
from services.indexer.changing import ChangeReport
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
    images, products = (now - then for now, then in zip(counts(after), counts(before), strict=True))
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


def size_words(size_bytes: float) -> str:
    """Return a size for people."""
    for unit in ("B", "kB", "MB"):
        if size_bytes < _KILO:
            return f"{size_bytes:.0f} {unit}" if unit == "B" else f"{size_bytes:.1f} {unit}"
        size_bytes /= _KILO
    return f"{size_bytes:,.1f} GB"


def counts(manifest: Manifest) -> tuple[int, int]:
    """Return how many images and products can be found."""
    shards = manifest.category_shards
    return sum(shard.images for shard in shards), sum(shard.products for shard in shards)


def _change_json(report: ChangeReport) -> dict[str, Any]:
    images, products = counts(report.after)
    images_before, products_before = counts(report.before)
    told = {"snapshot_id": report.after.snapshot_id, "parent": report.before.snapshot_id}
    there_are = {"images": images, "products": products}
    changes = {"more_images": images - images_before, "more_products": products - products_before}
    return {**told, "changed": report.before != report.after, **there_are, **changes}


def _rows(shard: ShardEntry) -> int:
    return sum(segment.images for segment in shard.segments)


def _segments(number: int) -> str:
    return "1 segment" if number == 1 else f"{number} segments"
