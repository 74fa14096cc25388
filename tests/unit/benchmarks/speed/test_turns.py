"""The system in turns with the limit, on a machine whose slow spells are made up."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from services.benchmarks.speed.limit import Throughput
from services.benchmarks.speed.served import BASELINE, CASCADE, DemoPhotos
from services.benchmarks.speed.turns import Turns
from services.client import Policy
from services.common.errors import Internal
from services.evaluation.observation import Observation, Query, Way
from services.gateway.answering.merging import Hit
from services.loadtest.schema import Knee, Report
from tests.support.load import reply, report_of

PHOTOS = 60


@dataclass
class Machine:
    """Both sides of every turn, and a diary of them.

    Attributes:
        slowness: of each look at the machine, one after the other: the system's and the limit's both count.
        knee_rate: of every search; None for none.
        products_differ: whether the system finds something else.
    """

    slowness: list[float] = field(default_factory=lambda: [1.0] * 1000)
    knee_rate: float | None = 80.0
    products_differ: bool = False
    diary: list[str] = field(default_factory=list)

    async def products(self, number: int) -> list[str]:
        return [f"other-{number}" if self.products_differ else f"product-{number}"]

    async def searched(self, numbers: Sequence[int], way: Way, in_flight: int) -> list[Observation]:
        assert in_flight == 1
        self.diary.append(f"system {numbers[0]}")
        stages = {"total": 9.0, "embed": 5.0, "classify": 6.0}
        latency_ms = 12.0 * self.slowness[0]
        return [Observation(n, way, "ok", latency_ms, stages_ms=stages, shards_ms=2.0) for n in numbers]

    async def cpu_ms(self, numbers: Sequence[int], way: Way, in_flight: int) -> float:
        self.diary.append(f"{way.policy.value} {numbers[0]}, {in_flight}")
        return 12.0 if way == CASCADE else 10.0

    async def knee(self, first_rate: float, out: Path, tell: Callable[[str], None]) -> Report:
        tell(f"{first_rate:g} first")
        self.diary.append(f"knee {out.name}")
        knee = Knee(rate=self.knee_rate, missed_rate=90.0, steps=[], overload_rate=None, recovery_seconds=None)
        return report_of([[reply()]]).model_copy(update={"knee": knee, "invalid_reason": None})

    def answer(self, image: bytes) -> list[Hit]:
        return [Hit(f"product-{int(image)}", "image", "path", "category", 1.0, 1.0)]

    def one_by_one(self, images: Sequence[bytes]) -> list[float]:
        self.diary.append(f"limit {int(images[0])}")
        self.slowness.pop(0)
        return [0.010 * self.slowness[0]] * len(images)

    def at_full_use(self, images: Sequence[bytes]) -> Throughput:
        assert len(images) == PHOTOS
        self.diary.append("limit")
        return Throughput(100.0 / self.slowness.pop(0), 15.0)


@pytest.fixture
def photos(tmp_path: Path) -> DemoPhotos:
    """Files that hold their own number."""
    for number in range(PHOTOS):
        (tmp_path / f"{number}.jpg").write_text(str(number))
    return DemoPhotos(tmp_path, tmp_path, [Query(f"{number}.jpg", (), ("Bag",)) for number in range(PHOTOS)])


@dataclass
class Straight:
    """Triton called straight, on the same machine.

    Attributes:
        machine: whose slow spells count, and whose diary is written.
    """

    machine: Machine

    async def one_by_one(self, images: Sequence[bytes]) -> list[float]:
        self.machine.diary.append(f"straight {int(images[0])}")
        return [0.011 * self.machine.slowness[0]] * len(images)

    async def at_full_use(self, images: Sequence[bytes]) -> float:
        assert len(images) == PHOTOS
        self.machine.diary.append("straight")
        return 90.0


def turns(machine: Machine, photos: DemoPhotos) -> Turns:
    """Return turns that tell nobody."""
    return Turns(machine, Straight(machine), machine, photos, lambda _: None)


async def test_every_block_is_measured_here_and_there_before_the_next(photos: DemoPhotos) -> None:
    """So a spell that slows a whole turn changes no ratio; blocks that are not whole are left out."""
    machine = Machine(slowness=[1.0, 1.0, 7.0, 1.0])
    seen = await turns(machine, photos).one_in_flight(3)
    assert machine.diary == [f"{who} {first}" for first in (0, 25, 0) for who in ("limit", "straight", "system")]
    assert [seen.to_limit.value, seen.to_limit.most] == pytest.approx([1.2, 1.2])
    assert [seen.straight_to_limit.value, seen.straight_to_limit.most] == pytest.approx([1.1, 1.1])
    assert [seen.p50_ms, seen.straight_p50_ms, seen.limit_p50_ms] == pytest.approx([12.0, 11.0, 10.0])
    assert seen.own_work_ms == pytest.approx(9.0 - 6.0 - 2.0)


async def test_cascade_and_baseline_take_turns(photos: DemoPhotos) -> None:
    """The same photos, two at a time, and neither is always the first; the cascade is any way that is given."""
    machine = Machine()
    seen = await turns(machine, photos).processor(2)
    assert machine.diary == ["baseline 0, 2", "adaptive 0, 2", "adaptive 25, 2", "baseline 25, 2"]
    assert seen.cascade_to_baseline.value == pytest.approx(1.2)
    assert BASELINE != CASCADE
    other = Machine()
    await turns(other, photos).processor(1, Way(Policy.TOP_1))
    assert other.diary == ["baseline 0, 2", "top_1 0, 2"]


async def test_each_knee_is_compared_with_the_limit_around_it(photos: DemoPhotos, tmp_path: Path) -> None:
    """The machine slows down to a half between two looks: what lies between them saw the middle."""
    machine = Machine(slowness=[1.0, 1.0, 2.0])
    seen = await turns(machine, photos).at_the_knee(2, tmp_path)
    look = ["limit", "straight"]
    assert machine.diary == [*look, "knee knee-1", *look, "knee knee-2", *look]
    assert seen.limits == [100.0, 100.0, 50.0]
    assert [seen.straight_to_limit.least, seen.straight_to_limit.most] == pytest.approx([0.9, 1.8])
    assert [seen.to_limit.least, seen.to_limit.most] == pytest.approx([80 / 100, 80 / 75])
    assert seen.doubts == [None, None]


async def test_a_knee_that_the_load_generator_does_not_vouch_for_misses_its_row(
    photos: DemoPhotos, tmp_path: Path
) -> None:
    """One of several is enough: nobody can tell what its rate is worth."""
    seen = await turns(Machine(), photos).at_the_knee(2, tmp_path)
    assert seen.target().met
    assert not replace(seen, doubts=[None, "it was late"]).target().met


async def test_no_knee_is_no_figure(photos: DemoPhotos, tmp_path: Path) -> None:
    """A ratio of nothing would read as a missed promise."""
    with pytest.raises(Internal, match="at no rate"):
        await turns(Machine(knee_rate=None), photos).at_the_knee(1, tmp_path)


async def test_other_answers_are_other_work(photos: DemoPhotos) -> None:
    """A system that finds something else may be as fast as it likes."""
    assert await turns(Machine(), photos).same_answers() == 1.0
    with pytest.raises(Internal, match="0% of the photos"):
        await turns(Machine(products_differ=True), photos).same_answers()
