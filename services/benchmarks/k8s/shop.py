"""A shop on several hosts: replicas and gateways as processes of their own, found by DNS, joining and leaving."""

import asyncio
import os
import signal
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from services.benchmarks.k8s.hosts import DOMAIN, Host, Network, network
from services.benchmarks.k8s.name_server import Names, serving
from services.benchmarks.k8s.replica import calls_of
from services.benchmarks.starting import started
from services.cli.supervising.processes import Kind, ProcessSpec
from services.cli.supervising.specs import gateway_spec
from services.gateway.peers.topology import Topology
from services.models.child_processes import tied_to_parent
from services.snapshot.store import SnapshotStore

SEARCHERS: Final = "searchers"
TRITONS: Final = "tritons"
GATEWAYS: Final = "gateways"
_PORT: Final = 50_051
_METRICS_PORT: Final = 9_464
_SEARCHES: Final = "aisle_gateway_answers_total"


@dataclass(frozen=True, slots=True)
class Pace:
    """How quickly changes are noticed.

    Attributes:
        ttl_seconds: how long answers of DNS may be kept; 30 s is what clusters have by default.
        connection_age_seconds: of the gateways; None for their default.
        lookup_seconds: of the gateways; None for their default.
        drain_seconds: of whatever is drained.
    """

    ttl_seconds: int = 30
    connection_age_seconds: float | None = None
    lookup_seconds: float | None = None
    drain_seconds: float = 5.0


@dataclass(frozen=True, slots=True)
class Running:
    """A process on a host of its own.

    Attributes:
        host: its host.
        pid: its process id.
        journal: where a replica notes its calls; a gateway has none.
    """

    host: Host
    pid: int
    journal: Path

    def drain(self) -> float:
        """Tell it to end, and return when that was, seconds of the monotonic clock."""
        told_at = time.monotonic()
        os.kill(self.pid, signal.SIGTERM)
        return told_at

    def calls(self, method: str) -> Sequence[float]:
        """Return when a replica was asked."""
        return calls_of(self.journal, method)

    def answers(self) -> float:
        """Return how many photos a gateway has answered."""
        url = f"http://{self.host.address}:{_METRICS_PORT}/metrics"
        with urllib.request.urlopen(url, timeout=5) as page:
            lines = page.read().decode().splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(_SEARCHES))


class Shop:
    """Starts processes on hosts of their own, and tells DNS of them."""

    def __init__(  # noqa: PLR0917 - what `shop` has made
        self, net: Network, names: Names, folder: Path, models: Path, root: str, pace: Pace, stack: AsyncExitStack
    ) -> None:
        """Use `shop`."""
        self._network = net
        self._names = names
        self._folder = folder
        self._models = models
        self._root = root
        self._pace = pace
        self._stack = stack
        self._manifest = SnapshotStore(root).manifest()
        self._topology = folder / "topology.json"
        searchers = (f"{SEARCHERS}:{_PORT}",)
        shards = {shard.slug: searchers for shard in self._manifest.shards}
        self._topology.write_text(Topology(shards=shards).model_dump_json(), encoding="utf-8")

    @property
    def target(self) -> str:
        """What a caller on this machine, which has another DNS, is given for the gateways."""
        return f"dns://{self._network.address}:53/{GATEWAYS}.{DOMAIN}:{_PORT}"

    def publish(self, name: str, running: Iterable[Running]) -> None:
        """Have DNS say that these are the addresses of a name, as a cluster does of pods that are ready."""
        self._names.say(f"{name}.{DOMAIN}", [each.host.address for each in running])

    async def replica(self, name: str) -> Running:
        """Start a searcher and Triton on a host of its own; DNS does not know it yet."""
        journal = self._folder / f"{name}.journal"
        argv = (
            *(sys.executable, "-m", "services.benchmarks.k8s.replica", "--models", str(self._models)),
            *("--snapshot-root", self._root, "--snapshot-id", self._manifest.snapshot_id, "--journal", str(journal)),
        )
        return await self._run(name, Kind.SEARCHER, tied_to_parent((*argv, *self._serving())), journal)

    async def gateway(self, name: str) -> Running:
        """Start a gateway on a host of its own; DNS does not know it yet."""
        tritons = f"{TRITONS}:{_PORT}"
        spec = gateway_spec(self._root, self._manifest.snapshot_id, self._topology, tritons, _PORT)
        pace = (
            ("--connection-age-seconds", self._pace.connection_age_seconds),
            ("--lookup-seconds", self._pace.lookup_seconds),
        )
        options = [word for option, value in pace if value is not None for word in (option, str(value))]
        argv = (*spec.argv, *self._serving(), "--metrics-port", str(_METRICS_PORT), *options)
        return await self._run(name, Kind.GATEWAY, argv, self._folder / f"{name}.none")

    def _serving(self) -> tuple[str, ...]:
        return ("--host", "0.0.0.0", "--port", str(_PORT), "--drain-seconds", str(self._pace.drain_seconds))  # noqa: S104

    async def _run(self, name: str, kind: Kind, argv: Sequence[str], journal: Path) -> Running:
        host = await asyncio.to_thread(self._network.host, name)
        spec = ProcessSpec(name, kind, host.command(argv), f"{host.address}:{_PORT}")
        process = await self._stack.enter_async_context(started(spec, self._folder))
        self._stack.callback(_kill, os.pidfd_open(process.pid))  # in the end nobody waits for it to drain
        return Running(host, process.pid, journal)


def _kill(process: int) -> None:
    """Kill a process by its descriptor, which can't mean another one with the same number."""
    with suppress(ProcessLookupError):
        signal.pidfd_send_signal(process, signal.SIGKILL)
    os.close(process)


@asynccontextmanager
async def shop(folder: Path, models: Path, snapshot_root: str, pace: Pace) -> AsyncIterator[Shop]:
    """Have hosts and their DNS for the time of the context; enter it in the main thread.

    Args:
        folder: for logs, journals and the shard map; made when it is missing.
        models: the model repository whose configurations are told.
        snapshot_root: its current snapshot is told of.
        pace: how quickly changes are noticed.

    Raises:
        FailedPrecondition: there can be no hosts here.
        SnapshotNotFound: nothing was published there.
    """
    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - one local folder, before anything is measured
    with network() as net:
        names = Names(pace.ttl_seconds)
        with serving(names, net.address):
            async with AsyncExitStack() as stack:
                yield Shop(net, names, folder, models, snapshot_root, pace, stack)
