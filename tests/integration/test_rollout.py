"""Snapshots change while shoppers search: real searchers, a real gateway, the real Triton, and every answer checked."""

import asyncio
import gc
import shutil
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aisle.search.v1 import search_pb2 as pb
from aisle.search.v1 import search_pb2_grpc
from aisle.shard.v1 import shard_pb2, shard_pb2_grpc
from structlog.testing import capture_logs

from services.gateway.config import GatewaySettings
from services.gateway.server import Gateway
from services.models.process import TritonProcess
from services.searcher.config import SearcherSettings
from services.searcher.server import Searcher
from tests.support.calls import asked, assert_same
from tests.support.cluster import EMBEDDER, IMAGES, cluster, photo, publish, searcher, true_hits, write_topology
from tests.support.gateway import until
from tests.support.processes import started
from tests.support.searching import flip_a_byte, refused, request
from tests.support.servers import channel_to, serving
from tests.support.snapshots import PublishedSnapshot, publish_snapshot

pytestmark = pytest.mark.triton

Search = Callable[..., Awaitable[pb.SearchResponse]]

FOLLOW_SECONDS = 0.05
POLICIES = (pb.POLICY_ALL, pb.POLICY_BASELINE)
PATIENT: dict[str, Any] = {"light_mass": 0.0, "rollout_patience_seconds": 0.2}
"""No shard is left out for being light, and what holds a switch up is said soon."""


@dataclass
class Shop:
    """The snapshots below a root, by id, whether they are current or not.

    Attributes:
        root: where they are published.
        snapshots: the truth about each.
    """

    root: Path
    snapshots: dict[str, PublishedSnapshot] = field(default_factory=dict)

    def prepare(self, seed: int, **changes: Any) -> PublishedSnapshot:
        """Put a snapshot below the root without making it current."""
        elsewhere = publish(self.root / f"elsewhere-{seed}", seed=seed, **changes)
        snapshot = PublishedSnapshot(self.root, elsewhere.manifest, elsewhere.images)
        shutil.copytree(elsewhere.folder, snapshot.folder)
        self.snapshots[snapshot.manifest.snapshot_id] = snapshot
        return snapshot

    def make_current(self, snapshot: PublishedSnapshot) -> str:
        """Replace CURRENT in one step; return the id."""
        snapshot_id = snapshot.manifest.snapshot_id
        successor = self.root / ".CURRENT"
        successor.write_text(snapshot_id + "\n")
        successor.replace(self.root / "CURRENT")
        return snapshot_id

    def publish(self, seed: int) -> str:
        """Publish other pictures of the same products."""
        return self.make_current(self.prepare(seed))

    def check(self, answer: pb.SearchResponse, seed: int) -> None:
        """Check that an answer is complete, and all of it from the snapshot that it names."""
        assert not answer.coverage.partial
        assert_same(answer.hits, true_hits(self.snapshots[answer.snapshot_id], photo(seed), 10))


@asynccontextmanager
async def shoppers(shop: Shop, search: Search, policies: Sequence[int] = POLICIES) -> AsyncIterator[list[list[str]]]:
    """Let three shoppers search again and again; yields which snapshots answered each of them, in order."""
    answered: list[list[str]] = [[] for _ in range(3)]
    leaving = asyncio.Event()

    async def shopper(number: int) -> None:
        while not leaving.is_set():
            policy = policies[len(answered[number]) % len(policies)]
            answer = await search(photo(number), routing=asked(policy))
            shop.check(answer, number)
            answered[number].append(answer.snapshot_id)

    async with asyncio.TaskGroup() as group:
        for number in range(3):
            group.create_task(shopper(number))
        yield answered
        leaving.set()


def all_answered_from(answered: Sequence[Sequence[str]], snapshot_id: str) -> Callable[[], bool]:
    return lambda: all(seen[-1:] == [snapshot_id] for seen in answered)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A shop whose first snapshot is current."""
    shop = Shop(tmp_path)
    shop.publish(0)
    return shop


def first_of(shop: Shop) -> PublishedSnapshot:
    return next(iter(shop.snapshots.values()))


async def test_shoppers_see_one_snapshot_after_the_other_and_never_two_in_one_answer(
    shop: Shop, tiny_triton: TritonProcess
) -> None:
    """No error, nothing missing, never back; then a rollback, and forward again."""
    first = first_of(shop)
    async with (
        cluster(shop.root, first, tiny_triton.command.target, follow_seconds=FOLLOW_SECONDS, **PATIENT) as running,
        shoppers(shop, running.search) as answered,
    ):
        one = first.manifest.snapshot_id
        await until(all_answered_from(answered, one))
        two = await asyncio.to_thread(shop.publish, 1)
        await until(all_answered_from(answered, two))
        shop.make_current(first)
        await until(all_answered_from(answered, one))
        shop.make_current(shop.snapshots[two])
        await until(all_answered_from(answered, two))
    for seen in answered:
        changes = [later for earlier, later in zip(["", *seen], seen, strict=False) if later != earlier]
        assert changes == [one, two, one, two]


def newer_schema(folder: Path) -> None:
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"schema_version": 3', '"schema_version": 4'))


HARMS: Mapping[str, Callable[[Path], None]] = {
    "a flipped byte in the index": lambda folder: flip_a_byte(folder / "coat" / "index.faiss"),
    "a flipped byte in the items": lambda folder: flip_a_byte(folder / "coat" / "items.arrow"),
    "a flipped byte in the golden queries": lambda folder: flip_a_byte(folder / "coat" / "golden.arrow"),
    "a flipped byte in the manifest": lambda folder: flip_a_byte(folder / "manifest.json"),
    "a missing index": lambda folder: (folder / "coat" / "index.faiss").unlink(),
    "a missing manifest": lambda folder: (folder / "manifest.json").unlink(),
    "a newer schema": newer_schema,
}


async def test_the_last_good_snapshot_goes_on_whatever_is_published_after_it(
    shop: Shop, tiny_triton: TritonProcess
) -> None:
    """Each harm is said with its reason, whoever finds it; then a good one is taken, and nothing was ever missing."""
    first = first_of(shop)
    with capture_logs() as logged:
        async with (
            cluster(shop.root, first, tiny_triton.command.target, follow_seconds=FOLLOW_SECONDS, **PATIENT) as running,
            shoppers(shop, running.search) as answered,
        ):
            for number, (name, harm) in enumerate(HARMS.items()):
                harmed = await asyncio.to_thread(shop.prepare, 10 + number)
                harm(harmed.folder)
                harmed_id = shop.make_current(harmed)
                await until(lambda bad=harmed_id: any(is_refusal(line, bad) for line in logged))  # type: ignore[misc]
                assert_named(logged, harmed_id, name)
            other_space = EMBEDDER.model_copy(update={"sha256": "ef" * 32})
            foreign = shop.make_current(await asyncio.to_thread(shop.prepare, 20, embedder=other_space))
            await until(lambda: any(is_refusal(line, foreign) for line in logged))
            assert_named(logged, foreign, "another space")
            good = await asyncio.to_thread(shop.publish, 30)
            await until(all_answered_from(answered, good))
    assert {snapshot_id for seen in answered for snapshot_id in seen} == {first.manifest.snapshot_id, good}


def is_refusal(line: Mapping[str, Any], snapshot_id: str) -> bool:
    """Whether the gateway says with this line that it does not serve the snapshot."""
    by_gateway = line["event"] == "snapshot_held_up" or "refusals" not in line
    return (
        line["event"] in {"snapshot_refused", "snapshot_held_up"} and line["snapshot_id"] == snapshot_id and by_gateway
    )


def assert_named(logged: Sequence[Mapping[str, Any]], snapshot_id: str, harm: str) -> None:
    """Check that what was logged about a snapshot names what is wrong with it."""
    said = " ".join(str(line) for line in logged if is_refusal(line, snapshot_id))
    named = {"index": "coat/index.faiss", "items": "coat/items.arrow", "queries": "coat/golden.arrow"}
    word = harm.rsplit(" ", maxsplit=1)[-1]
    expected = named.get(word, {"schema": "schema version 4", "space": "SPACE_MISMATCH"}.get(word, "manifest.json"))
    assert expected in said, harm


async def test_a_gateway_that_starts_while_a_snapshot_is_held_up_serves_the_last_good_one(
    shop: Shop, tiny_triton: TritonProcess
) -> None:
    """One searcher refused the current one: with it, the answers of this gateway would lack a shard."""
    first = first_of(shop)
    with capture_logs() as logged:
        async with cluster(
            shop.root, first, tiny_triton.command.target, follow_seconds=FOLLOW_SECONDS, **PATIENT
        ) as running:
            await running.search(photo(0), routing=asked(pb.POLICY_ALL))
            harmed = shop.prepare(1)
            HARMS["a missing index"](harmed.folder)
            harmed_id = shop.make_current(harmed)
            await until(lambda: any(is_refusal(line, harmed_id) for line in logged))
            async with gateway(shop, shop.root / "topology.json", tiny_triton) as search:
                answer = await search(photo(0), routing=asked(pb.POLICY_ALL))
    assert answer.snapshot_id == first.manifest.snapshot_id
    shop.check(answer, 0)
    assert "current_is_passed_over" in {line["event"] for line in logged}


@pytest.mark.parametrize("harm", ["a flipped byte in the manifest", "a newer schema", "another space"])
async def test_a_gateway_that_starts_while_the_current_snapshot_does_not_fit_serves_the_last_good_one(
    shop: Shop, tmp_path: Path, tiny_triton: TritonProcess, harm: str
) -> None:
    """Whether searchers take it, as one of another space, or refuse it; then the next good one is taken as usual."""
    first = first_of(shop)
    async with searcher(first, follow_seconds=FOLLOW_SECONDS) as target:
        if harm == "another space":
            harmed = shop.prepare(1, embedder=EMBEDDER.model_copy(update={"sha256": "ef" * 32}))
        else:
            harmed = shop.prepare(1)
            HARMS[harm](harmed.folder)
        shop.make_current(harmed)
        topology = write_topology(tmp_path, {category: [target] for category in IMAGES})
        async with gateway(shop, topology, tiny_triton) as search:
            answer = await search(photo(0), routing=asked(pb.POLICY_ALL))
            assert answer.snapshot_id == first.manifest.snapshot_id
            shop.check(answer, 0)
            good = await asyncio.to_thread(shop.publish, 2)
            async with shoppers(shop, search, [pb.POLICY_ALL]) as answered:
                await until(all_answered_from(answered, good))


async def test_the_system_starts_with_what_was_current_while_current_is_damaged(
    tmp_path: Path, tiny_triton: TritonProcess
) -> None:
    """All of its snapshots are sound; the line that says which is served need not keep a shop closed."""
    snapshot = publish(tmp_path)
    (tmp_path / "CURRENT").write_bytes(bytes(30))
    async with cluster(tmp_path, snapshot, tiny_triton.command.target) as running:
        answer = await running.search(photo(1))
        assert (answer.snapshot_id, answer.coverage.partial) == (snapshot.manifest.snapshot_id, False)


async def test_searchers_that_are_restarted_while_a_snapshot_is_held_up_have_what_is_answered_from(
    shop: Shop, tmp_path: Path, tiny_triton: TritonProcess
) -> None:
    """One refuses the current snapshot and begins with the one before; the other takes it, and hears what is used."""
    first = first_of(shop)
    shares = (("coat",), tuple(category for category in IMAGES if category != "coat"))
    async with AsyncExitStack() as stack:
        running = [await stack.enter_async_context(AsyncExitStack()) for _ in shares]

        async def start(number: int, port: int = 0) -> str:
            serving_it = searcher(first, *shares[number], follow_seconds=FOLLOW_SECONDS, port=port)
            return await running[number].enter_async_context(serving_it)

        targets = [await start(number) for number in range(2)]
        shards = {slug: [target] for slugs, target in zip(shares, targets, strict=True) for slug in slugs}
        async with gateway(shop, write_topology(tmp_path, shards), tiny_triton) as search:
            harmed = shop.prepare(1)
            HARMS["a flipped byte in the index"](harmed.folder)
            shop.make_current(harmed)
            for number, target in enumerate(targets):
                await running[number].aclose()
                await start(number, int(target.rsplit(":", 1)[1]))
            answer = await search(photo(0), routing=asked(pb.POLICY_ALL))
            while answer.coverage.partial:
                await asyncio.sleep(0.1)
                answer = await search(photo(0), routing=asked(pb.POLICY_ALL))
            assert answer.snapshot_id == first.manifest.snapshot_id
            shop.check(answer, 0)


async def test_a_replica_that_lags_behind_costs_no_answer(
    shop: Shop, tmp_path: Path, tiny_triton: TritonProcess
) -> None:
    """It stays with the old snapshot; photos are answered by the other one, also when no extra call is allowed."""
    first = first_of(shop)
    async with AsyncExitStack() as stack:
        ahead = await stack.enter_async_context(searcher(first, follow_seconds=FOLLOW_SECONDS))
        behind = await stack.enter_async_context(searcher(first, follow_seconds=0.0))
        topology = write_topology(tmp_path, {category: [behind, ahead] for category in IMAGES})
        async with (
            gateway(shop, topology, tiny_triton, hedge_share=0.0) as search,
            shoppers(shop, search, [pb.POLICY_ALL]) as answered,
        ):
            await until(all_answered_from(answered, first.manifest.snapshot_id))
            second = await asyncio.to_thread(shop.publish, 1)
            await until(all_answered_from(answered, second))
            enough = len(answered[0]) + 30
            await until(lambda: len(answered[0]) >= enough, timeout_seconds=10.0)


@asynccontextmanager
async def gateway(shop: Shop, topology: Path, triton: TritonProcess, **settings: float) -> AsyncIterator[Search]:
    """Serve a gateway that follows, and yield how to search."""
    service = Gateway(
        GatewaySettings.model_validate(
            {
                "snapshot_root": str(shop.root),
                "topology": topology,
                "triton": triton.command.target,
                "follow_seconds": FOLLOW_SECONDS,
                **PATIENT,
                **settings,
            }
        )
    )
    async with serving(service) as address, channel_to(address) as channel:
        stub = search_pb2_grpc.SearchServiceStub(channel)

        async def search(image: bytes, **fields: Any) -> pb.SearchResponse:
            response: pb.SearchResponse = await stub.Search(pb.SearchRequest(image=image, **fields), timeout=10.0)
            return response

        yield search


async def test_a_searcher_answers_from_two_snapshots_by_name_and_frees_the_one_before(tmp_path: Path) -> None:
    """Describe lists both; a third one is refused by name; the memory of the first goes when nobody asks any more."""
    first = publish_snapshot(tmp_path, {"Shoes": 40})
    service = Searcher(
        SearcherSettings(snapshot_root=str(tmp_path), follow_seconds=FOLLOW_SECONDS, keep_seconds=1.0, search_threads=1)
    )
    async with serving(service) as address, channel_to(address) as channel:
        stub = shard_pb2_grpc.ShardServiceStub(channel)
        loaded = weakref.ref(service._shelf.look(""))
        second = await asyncio.to_thread(publish_snapshot, tmp_path, {"Shoes": 41})
        ids = [snapshot.manifest.snapshot_id for snapshot in (second, first)]
        await until(lambda: service._shelf.look("").snapshot_id == ids[0])
        assert (await stub.Describe(shard_pb2.DescribeRequest(), timeout=5)).snapshot_ids == ids
        for snapshot, images in ((first, 40), (second, 41)):
            named = snapshot.manifest.snapshot_id
            assert (await stub.Search(request(snapshot), timeout=5)).snapshot_id == named
            described = await stub.Describe(shard_pb2.DescribeRequest(snapshot_id=named), timeout=5)
            assert (described.snapshot_id, [shard.images for shard in described.shards]) == (named, [images])
        assert (await stub.Search(request(second, snapshot_id=""), timeout=5)).snapshot_id == ids[0]
        unknown = await refused(stub.Search(request(second, snapshot_id="20200101T000000Z-0"), timeout=5))
        assert (unknown.reason, ids[0] in unknown.message) == ("SNAPSHOT_MISMATCH", True)

        await until(lambda: len(service._shelf.held) == 1)
        gc.collect()
        assert loaded() is None
        assert (await refused(stub.Search(request(first), timeout=5))).reason == "SNAPSHOT_MISMATCH"


async def test_a_pinned_searcher_stays_with_its_snapshot(tmp_path: Path) -> None:
    """Whoever names one means it."""
    first = publish_snapshot(tmp_path, {"Shoes": 4})
    service = Searcher(
        SearcherSettings(
            snapshot_root=str(tmp_path), snapshot_id=first.manifest.snapshot_id, follow_seconds=FOLLOW_SECONDS
        )
    )
    async with serving(service):
        publish_snapshot(tmp_path, {"Shoes": 5})
        await asyncio.sleep(5 * FOLLOW_SECONDS)
        assert [held.snapshot_id for held in service._shelf.held] == [first.manifest.snapshot_id]


async def test_processes_follow_what_is_published(shop: Shop, tmp_path: Path, tiny_triton: TritonProcess) -> None:
    """As an operator sees it: both say that they switched, the answers name the new snapshot, and both end well."""
    root = ("--snapshot-root", str(shop.root))
    async with AsyncExitStack() as stack:
        shards = await stack.enter_async_context(started("searcher", *root, "--follow-seconds", "0.05"))
        port = (await shards.logged("serving"))["port"]
        topology = write_topology(tmp_path, {category: [f"127.0.0.1:{port}"] for category in IMAGES})
        arguments = ("--topology", str(topology), "--triton", tiny_triton.command.target, "--follow-seconds", "0.05")
        front = await stack.enter_async_context(started("gateway", *root, *arguments))
        port = (await front.logged("serving"))["port"]
        channel = await stack.enter_async_context(channel_to(f"127.0.0.1:{port}"))
        stub = search_pb2_grpc.SearchServiceStub(channel)

        second = await asyncio.to_thread(shop.publish, 1)
        assert (await shards.logged("snapshot_switched"))["snapshot_id"] == second
        assert (await front.logged("snapshot_switched"))["snapshot_id"] == second
        answer = await stub.Search(pb.SearchRequest(image=photo(0), routing=asked(pb.POLICY_ALL)), timeout=10.0)
        assert answer.snapshot_id == second
        shop.check(answer, 0)
