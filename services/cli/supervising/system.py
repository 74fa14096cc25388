"""The whole system, or Triton alone, as processes of this machine, for as long as a context lasts."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from services.cli.supervising.machine import available_bytes, free_ports, is_free
from services.cli.supervising.packing import Packed, pack, pack_for_machine
from services.cli.supervising.preflight import check_settings, check_triton
from services.cli.supervising.processes import ProcessSpec, ProcessStatus
from services.cli.supervising.restarts import RestartPolicy
from services.cli.supervising.specs import gateway_spec, searcher_spec, triton_spec
from services.cli.supervising.state import SystemState, owned, write_state
from services.cli.supervising.supervisor import OnChange, Supervisor
from services.common.cores import available_cores
from services.common.errors import FailedPrecondition, SettingsInvalid
from services.common.settings import Settings
from services.common.telemetry import get_logger
from services.gateway.config import GatewaySettings
from services.gateway.peers.topology import Topology
from services.models.environment import ensure_environment
from services.models.metadata import EMBEDDER
from services.models.repository import read_repository
from services.snapshot.manifest import Manifest
from services.snapshot.store import SnapshotStore

_log = get_logger()


class TritonAloneSettings(Settings):
    """How to run Triton."""

    run_folder: Path
    """Where logs, the shard map and the state file go; one system per folder."""
    model_repository: Path = Path("model_repository")
    """Folder of the models; by default the one of a checkout."""
    triton_environment: Path = Path(".venv-triton")
    """Folder of Triton's own Python environment, made when missing."""
    start_timeout_seconds: float = 60.0
    """How long a process may take until it serves; many searchers on a small machine load side by side."""
    grace_seconds: float = 20.0
    """How long a process may take to end; longer than the services' own grace for calls in flight."""
    restarts: RestartPolicy = RestartPolicy()
    """How long to wait before a process that died is started again."""


class SystemSettings(TritonAloneSettings):
    """How to run the whole system."""

    snapshot_root: str
    """Where snapshots are published: a folder or an fsspec URL."""
    snapshot_id: str = ""
    """The snapshot to serve, and no other; empty for the current one, now and later."""
    triton: str = ""
    """`host:port` of a Triton that runs already; empty to start one."""
    gateway_port: int = 50051
    """The gateway's port on loopback; 0 for any free one."""
    shards_per_searcher: int = 0
    """Shards of categories that share a searcher process at most; 0 to have small ones share as many as there are
    cores, and large ones alone, as far as memory allows."""


@dataclass(frozen=True, slots=True)
class RunningSystem:
    """A system that serves.

    Attributes:
        gateway: `host:port`; what `AisleClient` wants.
        triton: `host:port`.
        snapshot_id: the snapshot that is served at first.
        gateway_settings: what the gateway was told, in the environment too.
        supervisor: knows the processes.
    """

    gateway: str
    triton: str
    snapshot_id: str
    gateway_settings: GatewaySettings
    supervisor: Supervisor

    @property
    def statuses(self) -> tuple[ProcessStatus, ...]:
        """What is known of each process."""
        return self.supervisor.statuses


@asynccontextmanager
async def running_triton(settings: TritonAloneSettings, on_change: OnChange = lambda _: None) -> AsyncIterator[str]:
    """Run Triton for the time of the context; yields its `host:port`.

    Raises:
        AisleError: it can't start; the message says why.
    """
    with owned(settings.run_folder):
        spec = await _triton(settings)
        state = SystemState(
            supervisor_pid=os.getpid(), snapshot_root="", snapshot_id="", gateway="", triton=spec.address, processes=()
        )
        async with _supervised([spec], settings, state, on_change):
            yield spec.address


async def check_system(settings: SystemSettings) -> None:
    """Check whether a system could be started so, as far as that is known without its snapshot and its models.

    Raises:
        AisleError: as `running_system`.
    """
    with owned(settings.run_folder):
        await _check(settings)


@asynccontextmanager
async def running_system(
    settings: SystemSettings, on_change: OnChange = lambda _: None
) -> AsyncIterator[RunningSystem]:
    """Run the whole system for the time of the context; enter it in the main thread.

    Args:
        settings: how to run it.
        on_change: hears of every change of a process's state.

    Raises:
        SnapshotNotFound: nothing was published yet.
        SettingsInvalid: the gateway's port is taken, or a process can't start with its settings.
        FailedPrecondition: another system runs from the same folder.
        Unavailable: the Triton that was named does not answer.
        AisleError: a process can't start; the message says which and why.
    """
    with owned(settings.run_folder):
        manifest = await asyncio.to_thread(_manifest, settings)
        gateway_settings = await _check(settings)
        triton = None if settings.triton else await _triton(settings, manifest.space_id)
        target = settings.triton if triton is None else triton.address
        services = _services(settings, manifest, target)
        state = SystemState(
            supervisor_pid=os.getpid(),
            snapshot_root=settings.snapshot_root,
            snapshot_id=manifest.snapshot_id,
            gateway=services[-1].address,
            triton=target,
            processes=(),
        )
        specs = services if triton is None else [triton, *services]
        async with _supervised(specs, settings, state, on_change) as supervisor:
            yield RunningSystem(state.gateway, target, manifest.snapshot_id, gateway_settings, supervisor)


@asynccontextmanager
async def _supervised(
    specs: Sequence[ProcessSpec], settings: TritonAloneSettings, state: SystemState, on_change: OnChange
) -> AsyncIterator[Supervisor]:
    def changed(status: ProcessStatus) -> None:
        try:
            write_state(settings.run_folder, state.model_copy(update={"processes": supervisor.statuses}))
        except OSError as error:  # a full disk, say: the file is for those who look on, the processes go on without it
            _log.warning("state_not_written", error=str(error))
        on_change(status)

    supervisor = Supervisor(
        settings.run_folder,
        restarts=settings.restarts,
        start_timeout_seconds=settings.start_timeout_seconds,
        grace_seconds=settings.grace_seconds,
        starts_at_once=max(2, available_cores()),  # Triton's start is half waiting
        on_change=changed,
    )
    async with supervisor:
        await supervisor.start(specs)
        yield supervisor


async def _check(settings: SystemSettings) -> GatewaySettings:
    port = settings.gateway_port
    if port and not is_free(port):
        raise SettingsInvalid(f"port {port} of 127.0.0.1 is taken; choose another one for the gateway", field="port")
    gateway_settings = await asyncio.to_thread(check_settings, settings.snapshot_root, settings.triton)
    if settings.triton:
        await check_triton(gateway_settings)
    return gateway_settings


def _manifest(settings: SystemSettings) -> Manifest:
    store = SnapshotStore(settings.snapshot_root)
    return store.manifest(settings.snapshot_id or store.beginning_id())


async def _triton(settings: TritonAloneSettings, space_id: str | None = None) -> ProcessSpec:
    """Return how to run Triton; makes its environment when it is missing, some 20 s that are not part of its start.

    Raises:
        SettingsInvalid: the model repository is not in order, or its embedder is of another space than the snapshot,
            where there is one; seen by the processes only, it would look like an outage.
    """
    try:
        models = await asyncio.to_thread(read_repository, settings.model_repository)
    except FailedPrecondition as error:
        raise SettingsInvalid(error.message, field="models") from error
    embedders = [model.info for model in models if model.info.name == EMBEDDER]
    if space_id is not None and embedders and embedders[0].space.space_id != space_id:
        raise SettingsInvalid(
            f"the snapshot holds vectors of space {space_id}, but {settings.model_repository} has the embedder "
            f"{embedders[0].version} of space {embedders[0].space.space_id}: give the models that it was indexed with "
            "(--models FOLDER), or index again with these",
            field="models",
        )
    await asyncio.to_thread(ensure_environment, settings.triton_environment)
    [port] = free_ports(1)
    return triton_spec(
        settings.model_repository,
        settings.triton_environment,
        port,
        start_timeout_seconds=settings.start_timeout_seconds,
    )


def _services(settings: SystemSettings, manifest: Manifest, triton: str) -> list[ProcessSpec]:
    """Return the searchers and, as the last one, the gateway; writes the shard map that it reads."""
    root = settings.snapshot_root if "://" in settings.snapshot_root else str(Path(settings.snapshot_root).absolute())
    packed = _packed(settings, manifest)
    *ports, any_port = free_ports(len(packed) + 1)
    searchers = [
        searcher_spec(root, settings.snapshot_id, slugs, port) for slugs, port in zip(packed, ports, strict=True)
    ]
    topology = settings.run_folder / "topology.json"
    shard_map = {slug: (spec.address,) for slugs, spec in zip(packed, searchers, strict=True) for slug in slugs}
    topology.write_text(Topology(shards=shard_map).model_dump_json(indent=2) + "\n", encoding="utf-8")
    port = settings.gateway_port or any_port
    return [*searchers, gateway_spec(root, settings.snapshot_id, topology.absolute(), triton, port)]


def _packed(settings: SystemSettings, manifest: Manifest) -> Packed:
    if settings.shards_per_searcher:
        return pack(manifest.shards, settings.shards_per_searcher)
    return pack_for_machine(manifest.shards, available_cores(), available_bytes())
