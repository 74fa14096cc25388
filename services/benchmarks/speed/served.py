"""The demo's system as callers see it: photos searched in turns, what its processes use, and where its knee is."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from services.cli.supervising.processes import Kind
from services.cli.supervising.system import RunningSystem
from services.client import AisleClient, Policy
from services.common.errors import Internal
from services.common.misfits import checked
from services.datasets.labelled import read_dataset
from services.evaluation.observation import Observation, Query, Way, queries_of
from services.evaluation.run import Run
from services.loadtest.config import LoadtestSettings
from services.loadtest.display import line
from services.loadtest.measured import Measured
from services.loadtest.run import prepare, write_report
from services.loadtest.schema import Report
from services.loadtest.usage import use_of
from services.photo.labelled import read_photos

CASCADE, BASELINE = Way(Policy.ADAPTIVE), Way(Policy.BASELINE)
_SLO = "p99_ms=250,error_share=0.001,degraded_share=0.01"
"""In full, as the limit answers: a gateway that gives up some of it answers more photos."""
_TOP_K = 10
_LINE_EVERY_SECONDS = 60.0
"""That a long run is heard of."""
_TIMEOUT_SECONDS = 30.0
"""None is judged by its deadline here, and the machine may be busy."""


@dataclass(frozen=True, slots=True)
class DemoPhotos:
    """The demo's photos.

    Attributes:
        dataset: the dataset's folder.
        root: what paths are relative to.
        queries: each photo with what is on it.
    """

    dataset: Path
    root: Path
    queries: Sequence[Query]

    @classmethod
    def of(cls, dataset: Path) -> Self:
        """Read the table of a dataset's photos.

        Raises:
            CatalogueInvalid: it is no dataset, or its table can't be used.
            Internal: it has no photos to search with.
        """
        read = read_dataset(dataset)
        if read.queries is None:
            raise Internal(f"{dataset} has no photos to search with")
        return cls(dataset, read.image_root, queries_of(read_photos(read.queries, read.image_root)))

    def images(self, numbers: Sequence[int]) -> list[bytes]:
        """Return the encoded bytes of some photos."""
        return [(self.root / self.queries[number].photo_path).read_bytes() for number in numbers]


class Served:
    """A system that serves the demo, and a client of it. Make it and close it in the same event loop."""

    def __init__(self, system: RunningSystem, photos: DemoPhotos) -> None:
        """Connect; nothing is sent yet."""
        self._system = system
        self._photos = photos
        self._client = AisleClient(system.gateway)
        self._run = Run(self._client, photos.queries, photos.root, top_k=_TOP_K, timeout_seconds=_TIMEOUT_SECONDS)

    async def __aenter__(self) -> Self:
        """Connect for real: the first call is nobody's latency."""
        await self._run.warm_up((CASCADE, BASELINE))
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the client."""
        await self._client.close()

    @property
    def triton(self) -> str:
        """Triton's `host:port`."""
        return self._system.triton

    @property
    def pids(self) -> Mapping[str, int]:
        """Its processes, by name."""
        return {status.name: status.pid for status in self._system.statuses if status.pid is not None}

    @property
    def gateway_pid(self) -> int:
        """The gateway's process id."""
        return next(self.pids[status.name] for status in self._system.statuses if status.kind is Kind.GATEWAY)

    async def products(self, number: int) -> list[str]:
        """Return the products found for a photo, best first."""
        [image] = self._photos.images([number])
        result = await self._client.search(image, timeout_seconds=_TIMEOUT_SECONDS, top_k=_TOP_K)
        return [hit.product_id for hit in result.hits]

    async def searched(self, numbers: Sequence[int], way: Way, in_flight: int) -> list[Observation]:
        """Search photos, so many at a time.

        Raises:
            Internal: one was not answered in full; it would make the figures better than they are.
        """
        seen = await self._run.observe([(number, (way,)) for number in numbers], in_flight=in_flight)
        spoilt = [each for each in seen if each.outcome != "ok"]
        if spoilt:
            raise Internal(f"{len(spoilt)} of {len(seen)} photos got no full answer; the first: {spoilt[0]}")
        return seen

    async def cpu_ms(self, numbers: Sequence[int], way: Way, in_flight: int) -> float:
        """Return the processor time that all processes together use for a photo, milliseconds."""
        before = await self._cpu_seconds()
        await self.searched(numbers, way, in_flight)
        return 1000 * (await self._cpu_seconds() - before) / len(numbers)

    async def knee(self, first_rate: float, out: Path, tell: Callable[[str], None]) -> Report:
        """Look for the highest rate that keeps p99 within 250 ms with 99 % of the answers in full.

        Args:
            first_rate: photos a second, tried first.
            out: for the load test's own report.
            tell: hears of every rate that is tried.
        """
        return await self._load_test(out, tell, asyncio.Event(), find_knee=True, rate=first_rate, slo=_SLO)

    async def steady(
        self, rate: float, seconds: float, out: Path, tell: Callable[[str], None], stop: asyncio.Event
    ) -> Report:
        """Send so many photos a second for so long, or until it is told to stop."""
        return await self._load_test(out, tell, stop, rate=rate, seconds=seconds)

    async def _load_test(
        self, out: Path, tell: Callable[[str], None], stop: asyncio.Event, **settings: object
    ) -> Report:
        fields = {
            "target": self._system.gateway,
            "dataset": self._photos.dataset,
            "server_pids": self.pids,
            "out": out,
            **settings,
        }
        given = checked(LoadtestSettings, fields, "load test")
        test = await prepare(given, "make bench", stop)
        told = set[tuple[str, int]]()

        def watch(what: str, at: float, known: Measured) -> None:
            step = what, int(max(at, 0.0) // _LINE_EVERY_SECONDS)
            if step not in told:
                told.add(step)
                tell(f"  {line(what, at, known)}")

        report = await test.carry_out(watch)
        write_report(report, out)
        return report

    async def _cpu_seconds(self) -> float:
        used = await asyncio.to_thread(use_of, self.pids)
        return sum(use.cpu_seconds for use in used.values())
