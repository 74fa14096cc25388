"""Tritons that are replaced one by one by others with other models, while the gateway answers."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from itertools import cycle
from pathlib import Path

import pytest
from aisle.search.v1 import search_pb2 as pb
from aisle.search.v1.search_pb2_grpc import SearchServiceStub
from structlog.testing import capture_logs

from services.client import AisleClient
from services.client.status import ReplicaState
from services.gateway.server import Gateway
from services.models.config import TritonSettings
from services.models.launcher import running_triton
from services.training.joined_release import join_repository
from tests.support import tiny_models
from tests.support.calls import asked
from tests.support.cluster import EMBEDDER, Cluster, cluster, photo, probabilities_of, publish, true_hits
from tests.support.gateway import until
from tests.support.servers import channel_to, serving
from tests.support.triton import triton_settings

pytestmark = pytest.mark.triton

SIGN_OF = {hashlib.sha256(tiny_models.classifier(sign)).hexdigest(): sign for sign in (1.0, -1.0)}
"""Which tiny classifier it is, by the digest of its file."""
OTHER_EMBEDDER = EMBEDDER.model_copy(update={"sha256": hashlib.sha256(tiny_models.embedder(-1.0)).hexdigest()})


@pytest.fixture
def repositories(tmp_path: Path) -> Mapping[str, Path]:
    """Two models, the same two in one, two with another classifier, and two with another embedder."""
    signs = {"ours": (1.0, 1.0), "other_classifier": (1.0, -1.0), "other_embedder": (-1.0, 1.0)}
    folders = {name: tmp_path / name for name in (*signs, "joined")}
    for name, (embedder, classifier) in signs.items():
        tiny_models.write_model(folders[name], "embedder", tiny_models.embedder(embedder))
        labels = tiny_models.LABELS
        tiny_models.write_model(folders[name], "classifier", tiny_models.classifier(classifier), labels=labels)
    join_repository(folders["ours"], folders["joined"], command="a test", replace=False)
    return folders


@dataclass
class Tritons:
    """Two of them, each at an address of its own, whatever it serves."""

    places: list[TritonSettings]
    _stacks: list[AsyncExitStack] = field(default_factory=lambda: [AsyncExitStack() for _ in range(2)])

    @property
    def targets(self) -> str:
        """As the gateway takes them."""
        return ",".join(f"127.0.0.1:{place.port}" for place in self.places)

    async def serve(self, number: int, repository: Path) -> None:
        """Replace one by one with other models."""
        await self._stacks[number].aclose()
        settings = self.places[number].model_copy(update={"model_repository": repository})
        await self._stacks[number].enter_async_context(running_triton(settings))

    async def close(self) -> None:
        """End."""
        for stack in self._stacks:
            await stack.aclose()


@asynccontextmanager
async def two_tritons(repository: Path) -> AsyncIterator[Tritons]:
    """Run two with the same models."""
    tritons = Tritons([triton_settings(repository) for _ in range(2)])
    try:
        for number in range(2):
            await tritons.serve(number, repository)
        yield tritons
    finally:
        await tritons.close()


@asynccontextmanager
async def shoppers(shop: Cluster) -> AsyncIterator[list[tuple[int, pb.SearchResponse]]]:
    """Search without a pause; yield the photos' seeds and their answers. An error ends the test."""
    answers = list[tuple[int, pb.SearchResponse]]()

    async def search() -> None:
        for seed in cycle(range(20)):
            answers.append((seed, await shop.search(photo(seed), routing=asked(pb.POLICY_TOP_1))))
            await asyncio.sleep(0.01)

    async with asyncio.TaskGroup() as group:
        searching = [group.create_task(search()) for _ in range(2)]
        yield answers
        for task in searching:
            task.cancel()


async def all_ready(client: AisleClient) -> None:
    """Wait until the gateway says that every Triton gets its share."""
    async with asyncio.timeout(20.0):
        while {each.state for each in (await client.status()).tritons} != {ReplicaState.READY}:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


@cache
def views_of(seed: int, sign: float) -> Mapping[str, float]:
    """Return what a classifier must say of a photo, likeliest first."""
    return probabilities_of(photo(seed), sign)


def assert_right(shop: Cluster, seed: int, answer: pb.SearchResponse) -> None:
    """Complete, and of one classifier from its categories to its hits: the one that it names."""
    assert answer.rung == pb.RUNG_FULL
    sign = SIGN_OF[answer.models[1].sha256]
    views = views_of(seed, sign)
    told = {each.category: each.probability for each in answer.categories}
    assert told == pytest.approx(views, abs=1e-5)
    best = next(iter(views))
    truth = true_hits(shop.snapshot, photo(seed), 10, categories=[best])
    assert [hit.image_id for hit in answer.hits] == [true.image_id for true in truth]


@pytest.mark.parametrize(
    ("before", "after"),
    [("ours", "other_classifier"), ("ours", "joined"), ("joined", "ours")],
)
async def test_no_search_fails_while_tritons_get_other_models_one_by_one(
    tmp_path: Path, repositories: Mapping[str, Path], before: str, after: str
) -> None:
    """Nor is an answer mixed or less than full; the gateway goes on with what they serve then."""
    async with (
        two_tritons(repositories[before]) as tritons,
        cluster(tmp_path, publish(tmp_path), tritons.targets) as shop,
        AisleClient(shop.address) as client,
        shoppers(shop) as answers,
    ):
        for number in range(2):
            await tritons.serve(number, repositories[after])
            await all_ready(client)
        before_last = len(answers)
        await until(lambda: len(answers) > before_last + 10)
        served = [model.sha256 for model in (await client.status()).models[1:]]
        is_fitted = (await client.catalog()).is_adaptive_fitted
    for seed, answer in answers:
        assert_right(shop, seed, answer)
    signs = [SIGN_OF[answer.models[1].sha256] for _, answer in answers]
    now = -1.0 if after == "other_classifier" else 1.0
    assert [SIGN_OF[sha256] for sha256 in served] == [now]
    assert (signs[0], signs[-1], is_fitted) == (1.0, now, now == 1.0)


async def test_a_classifier_comes_in_when_it_knows_what_is_sold(
    tmp_path: Path, repositories: Mapping[str, Path]
) -> None:
    """Whatever it has in common with the one that the gateway began with, which knows "shoe" and no "hat"."""
    for name, label in (("stranger", "shoe"), ("hatter", "hat")):
        tiny_models.write_model(tmp_path / name, "embedder", tiny_models.embedder())
        labels = (label, *(f"{name} {number}" for number in range(1, len(tiny_models.LABELS))))
        tiny_models.write_model(tmp_path / name, "classifier", tiny_models.classifier(-1.0), labels=labels)
    async with two_tritons(repositories["ours"]) as tritons:
        with capture_logs() as logged:
            async with (
                cluster(tmp_path, publish(tmp_path), tritons.targets) as shop,
                AisleClient(shop.address) as client,
                shoppers(shop),
            ):
                await tritons.serve(0, tmp_path / "stranger")
                await until(lambda: any(line["event"] == "other_model" for line in logged))
                assert len((await client.status()).models) == 2
                await tritons.serve(0, tmp_path / "hatter")
                await until(lambda: any(line["event"] == "classifier_changed" for line in logged))
    (why,) = {line["why"] for line in logged if line["event"] == "other_model"}
    assert why == "it knows none of the snapshot's categories, such as 'bag'; serve this shop's"


async def test_the_embedder_changes_with_gateways_that_start_while_tritons_differ(
    tmp_path: Path, repositories: Mapping[str, Path]
) -> None:
    """Each takes the Tritons that made the snapshot it serves, says why it leaves the others, and never asks them."""
    async with two_tritons(repositories["ours"]) as tritons:
        await tritons.serve(0, repositories["other_embedder"])
        with capture_logs() as logged:
            async with cluster(tmp_path, publish(tmp_path), tritons.targets) as shop:
                for seed in range(10):
                    assert_right(shop, seed, await shop.search(photo(seed), routing=asked(pb.POLICY_TOP_1)))
                made = publish(tmp_path, embedder=OTHER_EMBEDDER, seed=1).manifest.snapshot_id
                async with serving(Gateway(shop.gateway._settings)) as address, channel_to(address) as channel:
                    successor = Cluster(shop.snapshot, shop.gateway, address, SearchServiceStub(channel), {})
                    for seed in range(10):
                        answer = await successor.search(photo(seed), routing=asked(pb.POLICY_TOP_1))
                        assert (answer.snapshot_id, answer.rung) == (made, pb.RUNG_FULL)
                        assert answer.models[0].sha256 == OTHER_EMBEDDER.sha256
                        assert_right(shop, seed, await shop.search(photo(seed), routing=asked(pb.POLICY_TOP_1)))
    others = {line["target"]: line["why"] for line in logged if line["event"] == "other_model"}
    assert sorted(others) == sorted(tritons.targets.split(","))
    assert all("index the catalogue with it, and restart the gateways" in why for why in others.values())
