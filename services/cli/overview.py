"""A gateway on a terminal: how it fares, its Tritons, and its shards with their replicas."""

from collections.abc import Iterable, Mapping

from rich.box import SIMPLE
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from services.client.status import GatewayStatus, ReplicaState, ReplicaStatus
from services.client.types import Catalog, CatalogCategory, Rung

_STYLES = {
    ReplicaState.READY: "green",
    ReplicaState.NOT_READY: "red",
    ReplicaState.PASSED_OVER: "yellow",
    ReplicaState.UNKNOWN: "dim",
}


def overview(status: GatewayStatus, catalog: Catalog) -> RenderableType:
    """Return everything that a gateway sees."""
    lines = (versions_line(status), load_line(status), recent_line(status), *problem_lines(status))
    return Group(*map(Text, lines), _tritons(status.tritons), _shards(status, catalog))


def catalogue_table(catalog: Catalog) -> Table:
    """Return what can be searched, of a gateway that tells no more."""
    table = _table("category")
    _add_counts(table)
    for each in catalog.categories:
        table.add_row(Text(each.category), *_counts(each))
    return table


def versions_line(status: GatewayStatus) -> str:
    """Return which models serve, and whether another snapshot is to be served."""
    line = "models " + " · ".join(f"{model.name} {model.version}" for model in status.models)
    if status.published_snapshot_id not in {"", status.snapshot_id}:
        line += f"\nCURRENT names {status.published_snapshot_id}, which it has not switched to: its log says why"
    return line


def load_line(status: GatewayStatus) -> str:
    """Return how busy it is."""
    waiting = f", {status.waiting} waiting" if status.waiting else ""
    return f"rung {_words(status.rung)} · {status.in_flight} of {status.in_flight_limit} photos in work{waiting}"


def recent_line(status: GatewayStatus) -> str:
    """Return what became of the last photos."""
    recent = status.recent
    period = f"last {recent.period_seconds:g} s: "
    if not recent.answers and not recent.errors:
        return period + "no photos"
    below = ", ".join(f"{count} {_words(rung)}" for rung, count in recent.rungs.items() if rung is not Rung.FULL)
    line = f"{period}{recent.answers:,} answers, {recent.partial} partial, {recent.errors} errors"
    return f"{line}, mean coverage {recent.mean_coverage:.1%}" + (f"; {below}" if below else "")


def problem_lines(status: GatewayStatus) -> Iterable[str]:
    """Yield what is wrong, and what to do about it."""
    for shard in status.shards:
        if not shard.addresses:
            yield f"shard {shard.slug} has no replica: start a searcher for it, or mend the gateway's shard map or DNS"
    for each in status.searchers:
        if each.problem:
            yield f"searcher {each.address}: {each.problem}; look at its log"
    for each in status.tritons:
        if each.state is not ReplicaState.READY:
            yield f"Triton {each.address} is {_words(each.state)}: look at its log, then at the gateway's"


def _tritons(tritons: Iterable[ReplicaStatus]) -> Table:
    table = _table("Triton", "state")
    table.add_column("in flight", justify="right")
    for each in tritons:
        table.add_row(Text(each.address), _state(each.state), str(each.in_flight))
    return table


def _shards(status: GatewayStatus, catalog: Catalog) -> Table:
    replicas = {each.address: each for each in status.searchers}
    categories = {each.category: each for each in catalog.categories}
    table = _table("category")
    _add_counts(table)
    table.add_column("replicas", no_wrap=True)
    for shard in status.shards:
        known = categories.get(shard.category)
        counts = ("", "", "") if known is None else _counts(known)
        name = shard.category or "the whole gallery"
        table.add_row(Text(name), *counts, _replicas(shard.addresses, replicas, status.snapshot_id))
    return table


def _add_counts(table: Table) -> None:
    for heading in ("products", "images"):
        table.add_column(heading, justify="right")
    table.add_column("routable")


def _counts(known: CatalogCategory) -> tuple[str, str, str]:
    return f"{known.products:,}", f"{known.images:,}", "yes" if known.routable else "no"


def _replicas(addresses: Iterable[str], replicas: Mapping[str, ReplicaStatus], snapshot_id: str) -> Text:
    """Return a shard's replicas, one a line; those that lack the snapshot say so."""
    lines = []
    for address in addresses:
        each = replicas.get(address)
        if each is None:  # it joined between two looks
            continue
        line = Text(f"{address} ").append_text(_state(each.state))
        if not each.problem and snapshot_id not in each.snapshot_ids:
            line.append(" lacks the snapshot", style="yellow")
        lines.append(line)
    return Text("\n").join(lines) if lines else Text("none", style="red")


def _state(state: ReplicaState) -> Text:
    return Text(_words(state), style=_STYLES[state])


def _words(name: str) -> str:
    return name.replace("_", " ")


def _table(*headings: str) -> Table:
    table = Table(box=SIMPLE, header_style="dim")
    for heading in headings:
        table.add_column(heading, no_wrap=True)
    return table
