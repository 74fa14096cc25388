"""One look at a running system: its processes where they run here, and whatever its gateway tells."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from services.cli.display import process_table
from services.cli.overview import catalogue_table, overview
from services.cli.state import SystemState, running_system_state
from services.client import Catalog, Health, SyncAisleClient
from services.client.status import GatewayStatus
from services.common.errors import AisleError


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
    """

    gateway: str
    health: Health
    system: SystemState | None = None
    catalog: Catalog | None = None
    status: GatewayStatus | None = None
    problem: str = ""

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
        return Look(gateway, health, system, problem=_NOT_SERVING[health])
    try:
        catalog = client.catalog()
    except AisleError as error:
        return Look(gateway, health, system, problem=_what_to_do(error))
    try:
        return Look(gateway, health, system, catalog, client.status())
    except AisleError as error:
        return Look(gateway, health, system, catalog, problem=_what_to_do(error))


def catalogue_lines(catalog: Catalog) -> Text:
    """Return what is true of the whole catalogue."""
    attributes = ", ".join(f"{name} ({kind})" for name, kind in catalog.attributes.items())
    baseline = "yes" if catalog.has_baseline else "no"
    return Text(f"snapshot {catalog.snapshot_id} · baseline {baseline}\nattributes for --where: {attributes}")


_NOT_SERVING = {
    Health.NOT_SERVING: "it starts or drains: look at its log for what it waits for",
    Health.UNREACHABLE: "nobody answers there: start it (`aisle up`), mend --target, or speak TLS (`aisle --tls-ca …`)",
}


def _what_to_do(error: AisleError) -> str:
    match error.code:
        case "PERMISSION_DENIED" | "UNAUTHENTICATED":
            remedy = "show the token or certificate of a caller that may: `aisle --token-file FILE status`"
        case "UNIMPLEMENTED":
            remedy = "this gateway's release tells no more"
        case _:
            remedy = "try again, and look at the gateway's log"
    return f"{error.reason}: {error.message}; {remedy}"
