"""The complete system as its users meet it: separate processes, real Triton, real FAISS, real gRPC."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from services.cli.supervising import system as supervised
from services.cli.supervising.processes import Kind, State
from services.cli.supervising.system import RunningSystem, SystemSettings, running_system
from services.client import AisleClient, Policy, SearchResult, ShardState
from tests.e2e.conftest import CATEGORIES, PRODUCTS_PER_CATEGORY

pytestmark = [pytest.mark.triton, pytest.mark.timeout(180)]


def searcher_of(system: RunningSystem, slug: str) -> int:
    """Return the pid of a shard's searcher."""
    [pid] = [status.pid for status in system.statuses if status.name == f"searcher-{slug}"]
    assert pid is not None
    return pid


async def test_every_kind_of_process_runs_as_its_own(system: RunningSystem) -> None:
    """One Triton, one searcher per category and one for the baseline, one gateway; no two share a process."""
    kinds = [status.kind for status in system.statuses]
    assert kinds.count(Kind.TRITON) == kinds.count(Kind.GATEWAY) == 1
    assert kinds.count(Kind.SEARCHER) == len(CATEGORIES) + 1
    assert len({status.pid for status in system.statuses}) == len(kinds)
    assert all(status.state is State.SERVING for status in system.statuses)


@pytest.mark.parametrize("policy", [Policy.ALL, Policy.BASELINE])
async def test_a_gallery_picture_finds_its_own_product(system: RunningSystem, gallery: Path, policy: Policy) -> None:
    """Searched with its own picture, every product comes first, with similarity 1, in its own category."""
    async with AisleClient(system.gateway) as client:
        for picture in sorted(gallery.glob("*/*/0.png")):
            result = await client.search(picture, policy=policy, timeout_seconds=10)
            assert result.hits[0].product_id == picture.parent.name
            assert result.hits[0].similarity == pytest.approx(1, abs=1e-4)
            assert not result.coverage.partial
            assert len({hit.product_id for hit in result.hits}) == len(result.hits) == 10


async def test_top_k_beyond_the_gallery_returns_every_product_once(system: RunningSystem, gallery: Path) -> None:
    """Asked for more than there is, the answer is the whole gallery, and OK."""
    async with AisleClient(system.gateway) as client:
        result = await client.search(next(gallery.glob("*/*/*.png")), policy=Policy.ALL, top_k=1_000)
    assert len(result.hits) == len(CATEGORIES) * PRODUCTS_PER_CATEGORY
    assert [hit.score for hit in result.hits] == sorted((hit.score for hit in result.hits), reverse=True)


async def test_cascade_searches_fewer_shards_and_its_answer_is_part_of_all(
    system: RunningSystem, gallery: Path
) -> None:
    """TOP_1 asks one shard, and what it finds is what ALL finds in that category."""
    picture = next(gallery.glob("*/*/*.png"))
    async with AisleClient(system.gateway) as client:
        routed = await client.search(picture, policy=Policy.TOP_1, top_k=100, timeout_seconds=10)
        everything = await client.search(picture, policy=Policy.ALL, top_k=100, timeout_seconds=10)
    [shard] = routed.coverage.shards
    assert shard.category == routed.categories[0].category
    assert [hit.product_id for hit in routed.hits] == [
        hit.product_id for hit in everything.hits if hit.category == shard.category
    ]


async def test_killing_a_searcher_gives_flagged_partial_answers_and_no_error(
    system: RunningSystem, gallery: Path
) -> None:
    """While one shard is dead every answer comes, says that it is partial and why; after its restart all are full."""
    picture = next(gallery.glob("Bag/*/*.png")).read_bytes()
    answers: list[SearchResult] = []
    async with AisleClient(system.gateway) as client:

        async def keep_searching() -> None:
            while True:
                answers.append(await client.search(picture, policy=Policy.ALL, timeout_seconds=10))

        searching = asyncio.create_task(keep_searching())
        await _until(lambda: len(answers) >= 5)
        assert not any(answer.coverage.partial for answer in answers)
        os.kill(searcher_of(system, "bag"), signal.SIGKILL)
        await _until(lambda: answers[-1].coverage.partial)
        await _until(lambda: not answers[-1].coverage.partial)
        searching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await searching  # an error of any search would surface here
    partial = [answer for answer in answers if answer.coverage.partial]
    for answer in partial:
        [missing] = [shard for shard in answer.coverage.shards if shard.state is not ShardState.ANSWERED]
        assert missing.category == "Bag"
        assert missing.state is ShardState.FAILED
        assert missing.detail
        assert answer.coverage.share == pytest.approx(1 - missing.probability, abs=1e-5)
        assert {hit.category for hit in answer.hits} == {"Dress", "Sneaker"}


async def test_the_command_finds_the_running_system(system: RunningSystem, gallery: Path) -> None:
    """`aisle search` prints the product, and its exit status is 0."""
    picture = next(gallery.glob("Sneaker/*/*.png"))
    command = (sys.executable, "-m", "services.cli", "search", str(picture), "--policy", "all")
    process = await asyncio.to_thread(
        subprocess.run, (*command, "--target", system.gateway), capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr
    assert picture.parent.name in process.stdout


async def test_small_shards_share_searchers_by_default(
    system: RunningSystem, settings: SystemSettings, gallery: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one core there is one for all of them: it answers for each, and its death costs all until it is back."""
    monkeypatch.setattr(supervised, "available_cores", lambda: 1)
    by_default = {"shards_per_searcher": 0, "triton": system.triton, "run_folder": tmp_path / "run"}
    picture = next(gallery.glob("Dress/*/*.png"))
    async with (
        running_system(settings.model_copy(update=by_default)) as shared,
        AisleClient(shared.gateway) as client,
    ):
        everything = await client.search(picture, policy=Policy.ALL, top_k=1_000, timeout_seconds=10)
        assert len(everything.hits) == len(CATEGORIES) * PRODUCTS_PER_CATEGORY
        assert everything.hits[0].product_id == picture.parent.name

        command = (sys.executable, "-m", "services.cli", "status", "--json", "--run-folder", str(tmp_path / "run"))
        status = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
        assert status.returncode == 0, status.stderr
        told = json.loads(status.stdout)
        names = {each["name"] for each in told["processes"]}
        assert names == {"searcher-bag+2", "searcher-baseline", "gateway"}
        addresses = {tuple(each["addresses"]) for each in told["status"]["shards"] if each["category"]}
        assert len(addresses) == 1
        assert len(told["status"]["searchers"]) == 2

        os.kill(searcher_of(shared, "bag+2"), signal.SIGKILL)
        shards = everything.coverage.shards
        for state in (ShardState.FAILED, ShardState.ANSWERED):
            while {shard.state for shard in shards} != {state}:
                shards = (await client.search(picture, policy=Policy.ALL, timeout_seconds=10)).coverage.shards
                assert len(shards) == len(CATEGORIES)


async def _until(condition: object, seconds: float = 30.0) -> None:
    assert callable(condition)
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        await asyncio.sleep(0.02)
