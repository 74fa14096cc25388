"""A photo's answer: for people the hits, how complete they are and where the time went; for programs all of it."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from rich.box import SIMPLE
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from services.client.types import Coverage, SearchOutcome, SearchResult, Verdict


def answer(photo: str, result: SearchResult) -> RenderableType:
    """Return what was found in a photo."""
    lines = (verdict_line(result), coverage_line(result.coverage), timing_line(result.timings_ms))
    return Group(_hits(photo, result), *(Text(line) for line in lines if line))


def _hits(photo: str, result: SearchResult) -> Table:
    table = Table(title=Text(photo), box=SIMPLE, title_justify="left", title_style="bold", header_style="dim")
    table.add_column("", justify="right")
    for heading in ("product", "category"):
        table.add_column(heading)
    for heading in ("score", "similarity"):
        table.add_column(heading, justify="right")
    table.add_column("image")
    for rank, hit in enumerate(result.hits, start=1):
        texts = (Text(hit.product_id), Text(hit.category))
        table.add_row(str(rank), *texts, f"{hit.score:.3f}", f"{hit.similarity:.3f}", Text(hit.image_path))
    return table


def verdict_line(result: SearchResult) -> str:
    """Return a warning in one line when no hit is to be believed, or nobody can tell; empty otherwise."""
    if result.verdict is Verdict.UNKNOWN and result.hits:
        return "scores only rank: the snapshot has learned from no held-out photos what they are worth"
    if result.verdict is not Verdict.NO_GOOD_MATCH:
        return ""
    return f"no good match: the best hit is right with a probability of {result.hits[0].score:.0%} only"


def coverage_line(coverage: Coverage) -> str:
    """Return how complete an answer is, in one line."""
    searched = [shard for shard in coverage.shards if shard.state.answered]
    names = ", ".join(f"{shard.category or 'the whole gallery'} {shard.probability:.0%}" for shard in searched)
    line = f"coverage {coverage.share:.0%}: searched {names or 'nothing'}"
    missing = [shard for shard in coverage.shards if not shard.state.answered]
    if missing:
        line += "; missing " + ", ".join(f"{shard.category} ({shard.state}: {shard.detail})" for shard in missing)
    return line


def timing_line(timings_ms: Mapping[str, float]) -> str:
    """Return where the time went, in one line."""
    return " · ".join(f"{stage} {milliseconds:.1f} ms" for stage, milliseconds in timings_ms.items())


def outcome_json(outcome: SearchOutcome) -> dict[str, Any]:
    """Return what became of a photo as JSON; its request id is the photo's path."""
    if outcome.error is not None:
        error = outcome.error
        told = {"code": error.code, "reason": error.reason, "message": error.message, "field": error.field}
        told["request_id"] = error.request_id
        return {"photo": outcome.request_id, "error": told}
    return {"photo": outcome.request_id, "result": asdict(outcome.unwrap())}
