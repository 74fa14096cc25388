"""A run sends every photo under every policy, times it outside of file work, and notes all that comes back."""

import itertools
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from services.client.types import Policy, Verdict
from services.common.errors import DeadlineExceeded, NotServing, SnapshotMismatch
from services.evaluation.observation import Observation, Query, Way, queries_of
from services.evaluation.plan import interleave
from services.evaluation.run import Run
from services.photo.labelled import LabelledPhoto
from tests.support.shoppers import FakeTarget, make_shop, query, result

POLICIES = (Policy.BASELINE, Policy.TOP_1, Policy.ADAPTIVE)
WAYS = tuple(Way(policy) for policy in POLICIES)
PHOTOS = [LabelledPhoto(f"photos/{number}.jpg", "Shoe", "shoe-1") for number in range(6)]
QUERIES = queries_of(PHOTOS)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_shop(tmp_path, PHOTOS)


def _run(target: FakeTarget, root: Path, queries: list[Query] | None = None) -> Run:
    return Run(target, queries or QUERIES, root, top_k=50, timeout_seconds=0.7)


async def _observe(
    target: FakeTarget, root: Path, queries: list[Query] | None = None, in_flight: int = 1
) -> dict[tuple[int, Policy], Observation]:
    turns = interleave(len(queries or QUERIES), WAYS, seed=1)
    noted = await _run(target, root, queries).observe(turns, in_flight=in_flight)
    found = {(each.query, each.policy): each for each in noted}
    assert len(found) == len(noted)
    return found


async def test_every_photo_is_searched_once_under_every_policy(root: Path) -> None:
    """And one photo before that under each, unrecorded, to connect and to warm up."""
    target, steps = FakeTarget(), []
    run = _run(target, root)
    await run.warm_up(WAYS)
    turns = interleave(len(QUERIES), WAYS, seed=1)
    noted = await run.observe(turns, in_flight=1, progress=lambda *step: steps.append(step))
    assert len(noted) == 18
    photos = [(root / each.photo_path).read_bytes() for each in QUERIES]
    expected = Counter(itertools.product(photos, WAYS)) + Counter((photos[0], way) for way in WAYS)
    assert Counter((photo, way) for photo, way, _, _ in target.asked) == expected
    assert {asked[2:] for asked in target.asked} == {(50, 0.7)}
    assert steps == [(done, 18) for done in range(1, 19)]


async def test_every_part_of_a_way_is_asked_for(root: Path) -> None:
    """And stays with the observation, so that it is known later what was asked."""
    way = Way(Policy.TOP_P, categories=("Shoe", "Bag"), probability_mass=0.7, exact=True)
    target = FakeTarget()
    [noted] = await _run(target, root).observe([(4, (way,))], in_flight=1)
    assert (noted.query, noted.way, noted.policy) == (4, way, Policy.TOP_P)
    assert target.asked == [((root / "photos/4.jpg").read_bytes(), way, 50, 0.7)]


async def test_an_answer_is_noted_as_it_came(root: Path) -> None:
    """Rank of the product, the first hits, what was searched and what is missing, the gateway's times."""
    answer = result(["bag-1", "shoe-1", "shoe-2", "bag-2", "hat-1"], searched=("Shoe", "Bag"), late=("Hat",))
    noted = await _observe(FakeTarget(default=answer), root)
    observation = noted[3, Policy.TOP_1]
    assert (observation.outcome, observation.ranks, observation.predicted) == ("partial", (2,), ("Shoe", 0.7))
    assert [hit.product_id for hit in observation.hits] == ["bag-1", "shoe-1", "shoe-2", "bag-2"]
    assert [hit.category for hit in observation.hits] == ["Bag", "Shoe", "Shoe", "Bag"]
    assert (observation.searched, observation.missing) == (("Shoe", "Bag"), ("Hat",))
    assert (observation.stages_ms["total"], observation.shards_ms) == (14.0, 1.5)
    assert observation.verdict is Verdict.MATCH


async def test_waves_follow_each_other(root: Path) -> None:
    """The shards' time is that of each wave's slowest shard, added up: it is not the gateway's own."""
    answer = result([], searched=("Shoe", "Bag", "Hat"))
    shards = tuple(
        replace(shard, latency_ms=latency_ms, wave=wave)
        for shard, latency_ms, wave in zip(answer.coverage.shards, (2.0, 1.0, 5.0), (1, 1, 2), strict=True)
    )
    noted = await _observe(FakeTarget(default=replace(answer, coverage=replace(answer.coverage, shards=shards))), root)
    assert noted[0, Policy.TOP_1].shards_ms == 7.0


async def test_an_error_is_noted_and_the_run_goes_on(root: Path) -> None:
    """One photo under one policy fails; its reason is kept, all others are answered."""
    bad = (root / "photos/2.jpg").read_bytes()
    noted = await _observe(FakeTarget({(bad, Way(Policy.TOP_1)): DeadlineExceeded("late")}), root)
    failed = [each for each in noted.values() if each.outcome == "error"]
    assert [(each.query, each.policy, each.error, each.ranks) for each in failed] == [
        (2, Policy.TOP_1, "DEADLINE_EXCEEDED", ())
    ]


async def test_a_photo_that_is_not_there_is_an_error_under_every_policy(root: Path) -> None:
    """Also when it is the first one, which warms up."""
    (root / "photos/0.jpg").unlink()
    await _run(FakeTarget(), root).warm_up(WAYS)
    noted = await _observe(FakeTarget(), root)
    failed = [each for each in noted.values() if each.outcome == "error"]
    assert sorted((each.query, each.policy, each.error) for each in failed) == sorted(
        (0, policy, "IMAGE_UNREADABLE") for policy in POLICIES
    )


async def test_latency_is_that_of_the_call(root: Path) -> None:
    """The clock is read right before and right after it."""
    ticks = itertools.count(step=0.0125)
    run = Run(FakeTarget(), QUERIES, root, top_k=50, timeout_seconds=0.7, clock=lambda: next(ticks))
    noted = await run.observe(interleave(len(QUERIES), WAYS, seed=1), in_flight=1)
    assert [each.latency_ms for each in noted] == pytest.approx([12.5] * 18)


@pytest.mark.parametrize("in_flight", [1, 3])
async def test_no_more_photos_are_in_flight_than_told(
    root: Path, in_flight: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One by default: latencies are those of an idle system."""

    async def read_at_once(photo: Path) -> bytes:  # in a thread, it could take longer than the other photos' searches
        return photo.read_bytes()

    monkeypatch.setattr("services.evaluation.run.encoded", read_at_once)
    target = FakeTarget()
    noted = await _observe(target, root, in_flight=in_flight)
    assert target.most_in_flight == in_flight
    assert len(noted) == 18


async def test_another_snapshot_in_the_middle_ends_the_run(root: Path) -> None:
    """Figures over two snapshots would mean nothing, and nobody would see it."""
    other = (root / "photos/4.jpg").read_bytes()
    target = FakeTarget(
        {(other, Way(Policy.ADAPTIVE)): result(["shoe-1"], snapshot_id="20260131T130000Z-ba9876543210")}
    )
    with pytest.raises(SnapshotMismatch, match="during the run"):
        await _observe(target, root)


async def test_a_gateway_that_is_gone_ends_the_run(root: Path) -> None:
    """After 50 searches in a row that could not reach it, instead of waiting out thousands of timeouts."""
    target = FakeTarget(default=NotServing("gone"))
    with pytest.raises(NotServing):
        await _observe(target, root, [query(number % 6) for number in range(100)])
    assert len(target.asked) == 50


async def test_a_gateway_that_comes_back_is_no_reason_to_end(root: Path) -> None:
    """An answer in between starts the count anew: half of 540 searches fail, never 50 in a row."""
    gone = {(root / f"photos/{number}.jpg").read_bytes() for number in (1, 3, 5)}
    target = FakeTarget({(photo, way): NotServing("restarting") for photo in gone for way in WAYS})
    noted = await _observe(target, root, [query(n % 6) for n in range(180)])
    assert sum(each.outcome == "error" for each in noted.values()) == 270


async def test_other_errors_are_no_reason_to_end(root: Path) -> None:
    """A gateway that answers with a refusal is there, however often it does."""
    target = FakeTarget(default=DeadlineExceeded("late"))
    noted = await _observe(target, root, [query(n % 6) for n in range(60)])
    assert sum(each.error == "DEADLINE_EXCEEDED" for each in noted.values()) == 180
