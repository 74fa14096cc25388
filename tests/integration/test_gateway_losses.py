"""The gateway over the wire when something behind it is gone, lacks what it should have, or is full."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from aisle.search.v1 import search_pb2 as pb
from tritonclient.grpc import service_pb2, service_pb2_grpc

from services.common.errors import AisleError
from services.common.status import failure_of
from services.gateway.peers import searcher_client
from services.models.launcher import running_triton
from services.models.process import TritonProcess
from tests.support import tiny_models
from tests.support.calls import asked, assert_same, failed
from tests.support.cluster import IMAGES, cluster, photo, probabilities_of, publish, true_hits
from tests.support.replicas import passed_over
from tests.support.triton import triton_settings

pytestmark = pytest.mark.triton


async def test_one_stopped_searcher_makes_a_partial_answer(tmp_path: Path, tiny_triton: TritonProcess) -> None:
    """No error; all the other products are there; coverage tells which shard is missing, and what mass with it."""
    async with cluster(tmp_path, publish(tmp_path), tiny_triton.command.target) as shop:
        await shop.searchers["coat"].aclose()
        response = await shop.search(photo(0), top_k=1_000, routing=asked(pb.POLICY_ALL))
        others = [category for category in IMAGES if category != "coat"]
        assert_same(response.hits, true_hits(shop.snapshot, photo(0), 1_000, categories=others))
        states = {shard.category: shard.state for shard in response.coverage.shards}
        assert states.pop("coat") == pb.SHARD_STATE_FAILED
        assert set(states.values()) == {pb.SHARD_STATE_ANSWERED}
        assert response.coverage.partial
        assert response.coverage.share == pytest.approx(1.0 - probabilities_of(photo(0))["coat"], abs=1e-5)
        refused = await failed(shop.search(photo(0), routing=asked(pb.POLICY_ALL), minimum_coverage=1.0))
        assert (refused.code, refused.reason) == ("FAILED_PRECONDITION", "COVERAGE_TOO_LOW")
        found = pb.SearchResponse()
        assert [detail.Unpack(found) for detail in refused.details] == [True]
        assert found.hits
        assert found.coverage.partial


async def test_a_shard_that_nobody_serves_is_said_to_be_missing(tmp_path: Path, tiny_triton: TritonProcess) -> None:
    """A topology that forgot a shard serves the others; without its index BASELINE is no policy."""
    snapshot = publish(tmp_path, baseline=False)
    async with cluster(tmp_path, snapshot, tiny_triton.command.target, without=["hat"]) as shop:
        response = await shop.search(photo(0), routing=asked(pb.POLICY_ALL))
        (missing,) = [shard for shard in response.coverage.shards if shard.state == pb.SHARD_STATE_FAILED]
        assert (missing.category, "SHARD_NOT_SERVED" in missing.detail) == ("hat", True)
        failure = await failed(shop.search(photo(0), routing=asked(pb.POLICY_BASELINE)))
        assert (failure.code, failure.reason, failure.field) == (
            "FAILED_PRECONDITION",
            "POLICY_UNAVAILABLE",
            "routing.policy",
        )


async def test_more_photos_than_fit_are_refused_with_a_time_to_come_back(
    tmp_path: Path, tiny_triton: TritonProcess
) -> None:
    """Some are answered, the others know at once; afterwards there is room."""
    async with cluster(tmp_path, publish(tmp_path), tiny_triton.command.target, max_in_flight=2, max_waiting=0) as shop:
        outcomes = await asyncio.gather(*(shop.search(photo(0)) for _ in range(10)), return_exceptions=True)
        refused = [failure_of(outcome) for outcome in outcomes if isinstance(outcome, grpc.aio.AioRpcError)]
        assert 1 <= len(refused) <= 8
        assert {(failure.code, failure.reason) for failure in refused} == {("RESOURCE_EXHAUSTED", "OVERLOADED")}
        assert all(failure.retry_after_seconds for failure in refused)
        assert (await shop.search(photo(0))).hits


async def test_a_replica_without_the_shard_is_not_asked_for_it_again_and_again(
    tmp_path: Path, tiny_triton: TritonProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is well, and answers for its own; for the other one's sake, every answer is complete."""
    async with cluster(
        tmp_path, publish(tmp_path), tiny_triton.command.target, lent={"coat": "hat"}, hedge_share=1.0
    ) as shop:
        lacking = Counter[str]()
        search: Any = shop.gateway._servicer._search
        hits_of = searcher_client._error_of

        def counted(slug: str, call: grpc.aio.AioRpcError) -> AisleError:
            lacking[slug] += 1
            return hits_of(slug, call)

        monkeypatch.setattr(searcher_client, "_error_of", counted)
        for seed in range(20):
            response = await shop.search(photo(seed), routing=asked(pb.POLICY_ALL))
            assert not response.coverage.partial
        assert lacking == {"coat": 1}
        assert passed_over(search._gatherer._searchers._hedging._replicas) == []
        await shop.searchers["coat"].aclose()
        response = await shop.search(photo(0), routing=asked(pb.POLICY_ALL))
        (missing,) = [shard for shard in response.coverage.shards if shard.state == pb.SHARD_STATE_FAILED]
        assert missing.category == "coat"


async def test_a_triton_with_other_models_is_never_asked(tmp_path: Path, tiny_triton: TritonProcess) -> None:
    """Neither one that comes late nor one that comes back: its vectors would fit, and find nothing that is right."""
    ours, others = (tmp_path / name for name in ("ours", "others"))
    for repository, sign in ((ours, 1.0), (others, -1.0)):
        tiny_models.write_model(repository, "embedder", tiny_models.embedder(sign))
        tiny_models.write_model(repository, "classifier", tiny_models.classifier(), labels=tiny_models.LABELS)
    late = triton_settings(ours)
    tritons = f"{tiny_triton.command.target},127.0.0.1:{late.port}"
    async with cluster(tmp_path, publish(tmp_path), tritons, searcher_wait_seconds=0.1) as shop:
        for repository in (others, ours, others):
            async with running_triton(late.model_copy(update={"model_repository": repository})) as process:
                for seed in range(30):
                    response = await shop.search(photo(seed), routing=asked(pb.POLICY_ALL))
                    assert_same(response.hits, true_hits(shop.snapshot, photo(seed), 10))
                    await asyncio.sleep(0.05)
                assert (await inferences(process) > 2) == (repository == ours)  # the start itself asks for one


async def inferences(process: TritonProcess) -> int:
    """Return how many pictures a Triton has embedded."""
    async with grpc.aio.insecure_channel(process.command.target) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        answer = await stub.ModelStatistics(service_pb2.ModelStatisticsRequest(name="embedder"))
    return int(answer.model_stats[0].inference_count)
