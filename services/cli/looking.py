"""One look at a running system: its processes where they run here, and whatever its gateway tells."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from services.cli.display import process_table
from services.cli.exit_codes import ExitCode, exit_code
from services.cli.overview import catalogue_table, overview
from services.cli.supervising.state import SystemState, running_system_state
from services.client import Catalog, Health, SyncAisleClient
from services.client.status import GatewayStatus
from services.common.errors import AisleError, Unimplemented


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen.

    Attributes:
        gateway: its address.
        health: whether it would take a photo.
        system: the processes of a system that runs here; None when there is none, or another gateway was named.
        catalog: what can be searched; None when the gateway does not serve.
        status: what it sees behind it; None when it did not tell.
        problem: why it did not, and what to do; empty when it did.
        exit_status: what a program is to make of it.
    """

    gateway: str
    health: Health
    system: SystemState | None = None
    catalog: Catalog | None = None
    status: GatewayStatus | None = None
    problem: str = ""
    exit_status: ExitCode = ExitCode.OK

    @property
    def as_json(self) -> dict[str, Any]:
        """All of it, for programs."""
        return {
            **({"processes": []} if self.system is None else self.system.model_dump(mode="json")),
            "gateway": self.gateway,
            "health": self.health,
            "catalog": None if self.catalog is None else asdict(self.catalog),
            "status": None if self.status is None else asdict(self.status),
            "problem": self.problem,
        }

    @property
    def for_people(self) -> RenderableType:
        """All of it, for a terminal."""
        return Group(*self._parts())

    def _parts(self) -> Iterable[RenderableType]:
        if self.system is not None:
            yield process_table(self.system.processes)
        yield Text(f"gateway {self.gateway}: {self.health.replace('_', ' ')}")
        if self.problem:
            yield Text(self.problem)
        if self.catalog is not None:
            yield catalogue_lines(self.catalog)
            yield catalogue_table(self.catalog) if self.status is None else overview(self.status, self.catalog)


def look(client: SyncAisleClient, gateway: str, run_folder: Path | None) -> Look:
    """Look at a gateway and, where a run folder is given, at the system that runs from it."""
    system = None if run_folder is None else running_system_state(run_folder)
    health = client.health()
    if health is not Health.SERVING:
        return Look(gateway, health, system, problem=_NOT_SERVING[health], exit_status=ExitCode.UNAVAILABLE)
    catalog = None
    try:
        catalog = client.catalog()
        return Look(gateway, health, system, catalog, client.status())
    except AisleError as error:
        problem, exit_status = _what_to_do(error)
        return Look(gateway, health, system, catalog, problem=problem, exit_status=exit_status)


def catalogue_lines(catalog: Catalog) -> Text:
    """Return what is true of the whole catalogue, and what is wrong with it."""
    attributes = ", ".join(f"{name} ({kind})" for name, kind in catalog.attributes.items())
    baseline = "yes" if catalog.has_baseline else "no"
    lines = [f"snapshot {catalog.snapshot_id} · baseline {baseline}", f"attributes for --where: {attributes}"]
    if not catalog.is_adaptive_fitted:
        lines.append(
            "ADAPTIVE searches every shard: the snapshot has learned nothing about the classifier that serves; index "
            "again, with held-out photos, while it does"
        )
    return Text("\n".join(lines))


_NOT_SERVING = {
    Health.NOT_SERVING: "it starts or drains: look at its log for what it waits for",
    Health.UNREACHABLE: "nobody answers there: start it (`aisle up`), mend --target, or speak TLS (`aisle --tls-ca …`)",
}


def _what_to_do(error: AisleError) -> tuple[str, ExitCode]:
    """Return what to tell of an error, and what a program is to make of it."""
    status = exit_code(error)
    if error.code in {"PERMISSION_DENIED", "UNAUTHENTICATED"}:
        remedy = "show the token or certificate of a caller that may: `aisle --token-file FILE status`"
    elif isinstance(error, Unimplemented):
        remedy, status = "this gateway's release tells no more", ExitCode.OK
    else:
        remedy = "try again, and look at the gateway's log"
    return f"{error.reason}: {error}; {remedy}", status
