"""The system in turns with the limit, and with Triton called straight from the client.

The machine is not always as fast, so each ratio is of neighbours in time.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Protocol

from services.benchmarks.speed.figures import AtTheKnee, OneInFlight, Processor
from services.benchmarks.speed.limit import Throughput
from services.benchmarks.speed.ratios import between, blocks_of, ratio_of
from services.benchmarks.speed.served import BASELINE, CASCADE, DemoPhotos
from services.common.errors import Internal
from services.evaluation.observation import Observation, Way
from services.gateway.answering.merging import Hit
from services.loadtest.schema import Report

_BLOCK = 25
_IN_FLIGHT = 2
_FULL_PHOTOS = 300
_FIRST_SHARE = 0.7
"""Of the limit: where the search for the knee begins."""
_COMPARED = 40
_LEAST_SAME = 0.9
"""Of the photos, for which both must find the same: with the batch, a similarity's last digits move."""


class System(Protocol):
    """A whole system, as `services.benchmarks.speed.served.Served`."""

    async def products(self, number: int) -> list[str]:
        """Return the products found for a photo, best first."""
        ...

    async def searched(self, numbers: Sequence[int], way: Way, in_flight: int) -> list[Observation]:
        """Search photos, so many at a time."""
        ...

    async def cpu_ms(self, numbers: Sequence[int], way: Way, in_flight: int) -> float:
        """Return the processor time that all processes together use for a photo, milliseconds."""
        ...

    async def knee(self, first_rate: float, out: Path, tell: Callable[[str], None]) -> Report:
        """Look for the highest rate that keeps the objective."""
        ...


class InProcess(Protocol):
    """The same work by function call, as `services.benchmarks.speed.limit.Limit`."""

    def answer(self, image: bytes) -> Sequence[Hit]:
        """Return the best products in one photo."""
        ...

    def one_by_one(self, images: Sequence[bytes]) -> list[float]:
        """Return how long each photo took, seconds."""
        ...

    def at_full_use(self, images: Sequence[bytes]) -> Throughput:
        """Answer photos on all cores."""
        ...


class StraightToTriton(Protocol):
    """The same work with the system's Triton, as `services.benchmarks.speed.straight.Straight`."""

    async def one_by_one(self, images: Sequence[bytes]) -> list[float]:
        """Return how long each photo took, seconds."""
        ...

    async def at_full_use(self, images: Sequence[bytes]) -> float:
        """Answer photos, several at a time; return how many it were a second."""
        ...


@dataclass(frozen=True, slots=True)
class _Look:
    """Photos a second of the limit, and of Triton called straight, one after the other."""

    limit: float
    straight: float


@dataclass(frozen=True, slots=True)
class Turns:
    """A system, its Triton called straight, and the limit, over the same photos and snapshot.

    Attributes:
        served: the system.
        straight: its Triton, called straight from the client.
        limit: the limit.
        photos: the photos.
        say: hears of every step.
    """

    served: System
    straight: StraightToTriton
    limit: InProcess
    photos: DemoPhotos
    say: Callable[[str], None]

    async def same_answers(self) -> float:
        """Return the share of photos for which both find the same products in the same order.

        Raises:
            Internal: hardly any: then they do not do the same work, and no ratio means anything.
        """
        images = self._images(_COMPARED)
        own = await asyncio.to_thread(lambda: [self.limit.answer(image) for image in images])
        theirs = [await self.served.products(number) for number in range(len(images))]
        same = sum([hit.product_id for hit in a] == b for a, b in zip(own, theirs, strict=True)) / len(images)
        if same < _LEAST_SAME:
            raise Internal(f"the system and the limit find the same products for {same:.0%} of the photos only")
        return same

    async def one_in_flight(self, blocks: int) -> OneInFlight:
        """Search photos one by one, a block here and the same block there."""
        self.say("one photo in flight, in turns with the limit and with Triton called straight")
        served, straight, limit, own_work = list[float](), list[float](), list[float](), list[float]()
        for block in self._blocks(blocks):
            images = self.photos.images(block)
            limit.append(1000 * median(await asyncio.to_thread(self.limit.one_by_one, images)))
            straight.append(1000 * median(await self.straight.one_by_one(images)))
            seen = await self.served.searched(block, CASCADE, in_flight=1)
            served.append(median(each.latency_ms for each in seen))
            own_work += [each.overhead_ms for each in seen if each.overhead_ms is not None]
        ratios = ratio_of(served, limit), ratio_of(straight, limit)
        return OneInFlight(*ratios, median(served), median(straight), median(limit), median(own_work))

    async def processor(self, blocks: int, way: Way = CASCADE) -> Processor:
        """Measure what a photo costs by the cascade, in the way given, and by the baseline, in turns."""
        self.say("processor time, cascade and baseline in turns")
        cascade, baseline = list[float](), list[float]()
        for number, block in enumerate(self._blocks(blocks)):
            pair = [(way, cascade), (BASELINE, baseline)]
            for each, used in pair if number % 2 else reversed(pair):  # who comes first is not always the same
                used.append(await self.served.cpu_ms(block, each, _IN_FLIGHT))
        return Processor(ratio_of(cascade, baseline), median(cascade), median(baseline))

    async def at_the_knee(self, searches: int, folder: Path) -> AtTheKnee:
        """Look for the knee, with a look at the limit and at Triton called straight before and after each search.

        Args:
            searches: how often.
            folder: for the load tests' own reports.

        Raises:
            Internal: no rate at all keeps the objective.
        """
        looks, reports = [await self._full_use()], []
        for number in range(searches):
            self.say(f"looking for the knee, {number + 1} of {searches}")
            rate = _FIRST_SHARE * looks[-1].limit
            reports.append(await self.served.knee(rate, folder / f"knee-{number + 1}", self.say))
            looks.append(await self._full_use())
        rates = [rate_of(report) for report in reports]
        limits, straights = [look.limit for look in looks], [look.straight for look in looks]
        return AtTheKnee(
            to_limit=ratio_of(rates, between(limits)),
            straight_to_limit=ratio_of(straights, limits),
            photos_per_second=median(rates),
            knees=[report.knee for report in reports if report.knee is not None],
            limits=limits,
            straights=straights,
            doubts=[report.invalid_reason for report in reports],
        )

    async def _full_use(self) -> _Look:
        images = self._images(_FULL_PHOTOS)
        limit = await asyncio.to_thread(self.limit.at_full_use, images)
        return _Look(limit.photos_per_second, await self.straight.at_full_use(images))

    def _blocks(self, count: int) -> list[Sequence[int]]:
        whole = blocks_of(range(len(self.photos.queries)), _BLOCK)
        return [whole[number % len(whole)] for number in range(count)]

    def _images(self, count: int) -> list[bytes]:
        return self.photos.images(range(min(count, len(self.photos.queries))))


def rate_of(report: Report) -> float:
    """Return the knee's rate, photos a second.

    Raises:
        Internal: no rate at all keeps the objective; a ratio of nothing would read as a missed promise.
    """
    if report.knee is None or report.knee.rate is None:
        raise Internal("the system keeps p99 within 250 ms, in full, at no rate: is something else using the machine?")
    return report.knee.rate
