"""What operators ask a running system: `aisle status` and `aisle explain` against real gateways and searchers."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from services.cli.__main__ import main
from services.cli.exit_codes import ExitCode
from services.client import AisleClient
from services.client.status import ReplicaState
from services.client.types import Rung
from services.models.process import TritonProcess
from tests.support.cluster import IMAGES, cluster, photo, publish

pytestmark = pytest.mark.triton


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    yield
    structlog.reset_defaults()


async def aisle(*argv: object) -> int:
    return await asyncio.to_thread(main, [str(word) for word in argv])


async def test_status_tells_what_the_gateway_sees(
    tmp_path: Path, tiny_triton: TritonProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    """Models, shards and their replicas, snapshots and the last minute; a lost searcher is said, and what to do."""
    snapshot = publish(tmp_path)
    async with cluster(tmp_path, snapshot, tiny_triton.command.target) as shop:
        for seed in range(3):
            await shop.search(photo(seed))
        async with AisleClient(shop.address) as client:
            status = await client.status()
            snapshot_id = snapshot.manifest.snapshot_id
            assert (status.snapshot_id, status.published_snapshot_id) == (snapshot_id, snapshot_id)
            assert [each.state for each in status.tritons] == [ReplicaState.READY]
            assert {shard.category for shard in status.shards} == {*IMAGES, ""}
            assert {each.state for each in status.searchers} == {ReplicaState.READY}
            assert {each.snapshot_ids for each in status.searchers} == {(snapshot_id,)}
            assert (status.recent.answers, status.recent.errors, status.recent.rungs) == (3, 0, {Rung.FULL: 3})
            await shop.searchers["coat"].aclose()
            assert await client.status() == status, "who asks again within a second gets the same look"
            await asyncio.sleep(1.0)
            lost = [each for each in (await client.status()).searchers if each.problem]
            assert [each.state for each in lost] == [ReplicaState.NOT_READY]
        assert await aisle("status", "--target", shop.address, "--json") == ExitCode.OK
        told = json.loads(capsys.readouterr().out.splitlines()[-1])
        assert told["status"]["recent"]["answers"] == 3
        assert await aisle("status", "--target", shop.address) == ExitCode.OK
        shown = " ".join(capsys.readouterr().out.split())
        for words in ("serving", "rung full", "3 answers", "not ready", "look at its log", "the whole gallery"):
            assert words in shown


async def test_explain_shows_where_the_answer_changes(
    tmp_path: Path, tiny_triton: TritonProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    """TOP_1 searches one category: what it lacks of the others was lost by routing; searching all loses nothing."""
    picture = tmp_path / "photo.png"
    picture.write_bytes(photo(0))
    async with cluster(tmp_path, publish(tmp_path), tiny_triton.command.target) as shop:
        asked = ("explain", picture, "--target", shop.address)
        assert await aisle(*asked, "--policy", "top_1", "--top-k", 8, "--json") == ExitCode.OK
        told = json.loads(capsys.readouterr().out.splitlines()[-1])
        assert set(told["answers"]) == {"top_1", "all", "baseline", "every shard, exactly"}
        assert set(told["alone"]) <= set(IMAGES)
        assert {each["stage"] for each in told["differences"]} == {"routing"}
        searched = {shard["category"] for shard in told["answers"]["top_1"]["coverage"]["shards"]}
        assert not searched & {each["category"] for each in told["differences"]}
        assert await aisle(*asked, "--policy", "all") == ExitCode.OK
        assert "has the best of every shard, exactly" in " ".join(capsys.readouterr().out.split())
        assert await aisle(*asked, "--category", "hat") == ExitCode.OK
        assert "only hat" in capsys.readouterr().out
