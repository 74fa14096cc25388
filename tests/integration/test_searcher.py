"""A searcher over real gRPC, with a real FAISS snapshot in a folder."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import faiss
import numpy as np
import pytest
from aisle.shard.v1 import shard_pb2, shard_pb2_grpc
from numpy.typing import NDArray
from structlog.testing import capture_logs

from services.common.lifecycle import run
from services.filters.conversion import message_from
from services.filters.predicate import OneOf, Predicate, Present
from services.neighbours.vector_index import Effort
from services.searcher.config import SearcherSettings
from services.searcher.server import Searcher
from services.searcher.shard import ProductHits, Shard
from services.snapshot.manifest import BASELINE_SLUG
from tests.support.searching import DIMENSION, flip_a_byte, refused, request
from tests.support.servers import channel_to, serving
from tests.support.shards import best_products
from tests.support.snapshots import PublishedSnapshot, publish_snapshot, unit_vectors

CATEGORIES = {"Shoes": 40, "Bags": 7, "Hats & caps": 1}


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> PublishedSnapshot:
    """Three categories and the baseline."""
    return publish_snapshot(tmp_path_factory.mktemp("root"), CATEGORIES, dimension=DIMENSION, baseline=True)


def settings_for(snapshot: PublishedSnapshot, **changes: object) -> SearcherSettings:
    """Return settings that serve a snapshot with one thread."""
    return SearcherSettings.model_validate({"snapshot_root": str(snapshot.root), "search_threads": 1} | changes)


@asynccontextmanager
async def searcher(snapshot: PublishedSnapshot, **changes: object) -> AsyncIterator[shard_pb2_grpc.ShardServiceStub]:
    """Serve a snapshot and yield a stub."""
    async with serving(Searcher(settings_for(snapshot, **changes))) as address, channel_to(address) as channel:
        yield shard_pb2_grpc.ShardServiceStub(channel)


@pytest.fixture(scope="module")
async def stub(snapshot: PublishedSnapshot) -> AsyncIterator[shard_pb2_grpc.ShardServiceStub]:
    """A searcher with every category."""
    async with searcher(snapshot) as stub:
        yield stub


@pytest.mark.parametrize("slug", ["shoes", "bags", "hats-caps"])
async def test_answers_what_an_exact_search_finds(
    stub: shard_pb2_grpc.ShardServiceStub, snapshot: PublishedSnapshot, slug: str
) -> None:
    """Each query vector gets its best products, best first, or all when there are fewer than asked for."""
    answer = await stub.Search(request(snapshot, slug), timeout=5)

    images = snapshot.images[slug]
    assert answer.snapshot_id == snapshot.manifest.snapshot_id
    assert len(answer.neighbours) == 3
    for query, hits in zip(unit_vectors(3, DIMENSION, seed=5), answer.neighbours, strict=True):
        similarities = images.vectors @ query
        expected = best_products(similarities.tolist(), images.product_ids, 4)
        assert list(hits.product_ids) == [product for product, _ in expected]
        assert list(hits.image_ids) == [images.image_ids[row] for _, row in expected]
        assert list(hits.image_paths) == [f"{images.image_ids[row]}.jpg" for _, row in expected]
        assert list(hits.categories) == [images.categories[row] for _, row in expected]
        np.testing.assert_allclose(hits.similarities, [similarities[row] for _, row in expected], atol=1e-6)


@pytest.mark.parametrize(("top_k", "exhausted"), [(19, False), (20, True), (21, True)])
async def test_says_whether_the_shard_has_more_products(
    stub: shard_pb2_grpc.ShardServiceStub, snapshot: PublishedSnapshot, top_k: int, *, exhausted: bool
) -> None:
    """Of the 20 products of a shard, 19 leave one to come back for; all 20 leave none."""
    answer = await stub.Search(request(snapshot, "shoes", top_k=top_k), timeout=5)

    assert {hits.exhausted for hits in answer.neighbours} == {exhausted}


async def test_an_exact_search_of_an_exact_index_answers_the_same(
    stub: shard_pb2_grpc.ShardServiceStub, snapshot: PublishedSnapshot
) -> None:
    """Whoever checks the routing by exact searches finds no difference where there is none."""
    usual, exact = [await stub.Search(request(snapshot, "shoes", exact=exact), timeout=5) for exact in (False, True)]

    assert usual == exact


async def test_a_filter_is_answered_among_what_passes(
    stub: shard_pb2_grpc.ShardServiceStub, snapshot: PublishedSnapshot
) -> None:
    """Three products have an image that passes; asked for four, a shard gives them and says that these are all."""
    wanted = OneOf("image_id", ("shoes-image-3", "shoes-image-8", "shoes-image-9", "shoes-image-39"))
    answer = await stub.Search(request(snapshot, "shoes", filter=message_from(wanted)), timeout=5)

    for hits in answer.neighbours:
        assert set(hits.image_ids) <= set(wanted.values)
        assert sorted(hits.product_ids) == ["shoes-product-1", "shoes-product-19", "shoes-product-4"]
        assert hits.exhausted


async def test_the_baseline_is_served_where_it_is_named(snapshot: PublishedSnapshot) -> None:
    """The index over everything finds what the best category's shard finds."""
    async with searcher(snapshot, shards=(BASELINE_SLUG,)) as stub:
        everywhere = await stub.Search(request(snapshot, BASELINE_SLUG, top_k=1), timeout=5)
    everything = np.concatenate([snapshot.images[slug].vectors for slug in ("bags", "hats-caps", "shoes")])

    best = (unit_vectors(3, DIMENSION, seed=5) @ everything.T).max(axis=1)
    np.testing.assert_allclose([hits.similarities[0] for hits in everywhere.neighbours], best, atol=1e-6)


@pytest.mark.parametrize(
    ("changes", "code", "reason", "field"),
    [
        ({"space_id": ""}, "INVALID_ARGUMENT", "INVALID_ARGUMENT", "space_id"),
        ({"space_id": "0123456789abcdef"}, "FAILED_PRECONDITION", "SPACE_MISMATCH", "space_id"),
        ({"snapshot_id": "20200101T000000Z-0"}, "FAILED_PRECONDITION", "SNAPSHOT_MISMATCH", "snapshot_id"),
        ({"shard": "gloves"}, "NOT_FOUND", "SHARD_NOT_SERVED", "shard"),
        ({"shard": BASELINE_SLUG}, "NOT_FOUND", "SHARD_NOT_SERVED", "shard"),
        ({"dimension": 8}, "INVALID_ARGUMENT", "VECTOR_INVALID", "dimension"),
        ({"query_vectors": b"short"}, "INVALID_ARGUMENT", "VECTOR_INVALID", "query_vectors"),
        ({"query_vectors": b""}, "INVALID_ARGUMENT", "VECTOR_INVALID", "query_vectors"),
        (
            {"query_vectors": np.full((3, DIMENSION), np.nan, "<f4").tobytes()},
            "INVALID_ARGUMENT",
            "VECTOR_INVALID",
            "query_vectors",
        ),
        ({"rows": 0}, "INVALID_ARGUMENT", "INVALID_ARGUMENT", "rows"),
        ({"rows": 1_025}, "INVALID_ARGUMENT", "INVALID_ARGUMENT", "rows"),
        ({"top_k": 0}, "INVALID_ARGUMENT", "INVALID_ARGUMENT", "top_k"),
        ({"top_k": 1_001}, "INVALID_ARGUMENT", "INVALID_ARGUMENT", "top_k"),
        (
            {"filter": message_from(Present("colour"))},
            "INVALID_ARGUMENT",
            "FILTER_INVALID",
            "filter.present.attribute",
        ),
    ],
)
async def test_bad_requests_are_refused_with_code_reason_and_field(
    stub: shard_pb2_grpc.ShardServiceStub,
    snapshot: PublishedSnapshot,
    changes: dict[str, object],
    code: str,
    reason: str,
    field: str,
) -> None:
    """A program can tell what is wrong, and the searcher goes on."""
    failure = await refused(stub.Search(request(snapshot, **changes), timeout=5))

    assert (failure.code, failure.reason, failure.field) == (code, reason, field)
    assert (await stub.Search(request(snapshot), timeout=5)).neighbours


async def test_describe_gives_every_shard_page_by_page(
    stub: shard_pb2_grpc.ShardServiceStub, snapshot: PublishedSnapshot
) -> None:
    """Two pages of at most two make the three shards, by slug."""
    first = await stub.Describe(shard_pb2.DescribeRequest(page_size=2), timeout=5)
    second = await stub.Describe(shard_pb2.DescribeRequest(page_size=2, page_token=first.next_page_token), timeout=5)

    shards = [*first.shards, *second.shards]
    assert [(shard.shard, shard.category, shard.images, shard.products) for shard in shards] == [
        ("bags", "Bags", 7, 4),
        ("hats-caps", "Hats & caps", 1, 1),
        ("shoes", "Shoes", 40, 20),
    ]
    assert {shard.index_factory for shard in shards} == {"Flat"}
    assert second.next_page_token == ""
    assert (first.snapshot_id, first.space_id) == (snapshot.manifest.snapshot_id, snapshot.manifest.space_id)
    assert first.dimension == DIMENSION


@pytest.mark.parametrize(
    ("page", "field"),
    [
        (shard_pb2.DescribeRequest(page_token="next"), "page_token"),
        (shard_pb2.DescribeRequest(page_size=-1), "page_size"),
    ],
)
async def test_describe_refuses_pages_that_are_not_there(
    stub: shard_pb2_grpc.ShardServiceStub, page: shard_pb2.DescribeRequest, field: str
) -> None:
    """A token from elsewhere and a negative size are the caller's mistake."""
    failure = await refused(stub.Describe(page, timeout=5))
    assert (failure.code, failure.field) == ("INVALID_ARGUMENT", field)


class HeldSearches:
    """Holds every search in its thread until it is let go, and counts them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Hold the searches from now on; a start's warm-up must be over."""
        self.begun = 0
        self._let_go = threading.Event()
        self._entered = threading.Semaphore(0)
        search = Shard.search

        def held(
            shard: Shard,
            query_vectors: NDArray[np.float32],
            top_k: int,
            effort: Effort = Effort.TUNED,
            predicate: Predicate | None = None,
        ) -> list[ProductHits]:
            self.begun += 1
            self._entered.release()
            assert self._let_go.wait(10)
            return search(shard, query_vectors, top_k, effort, predicate)

        monkeypatch.setattr(Shard, "search", held)

    async def entered(self) -> None:
        """Wait until one more search has begun."""
        assert await asyncio.to_thread(self._entered.acquire, timeout=10)

    def let_go(self) -> None:
        """Let all searches end."""
        self._let_go.set()


async def test_overload_is_refused_at_once_and_says_when_to_come_back(
    snapshot: PublishedSnapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one thread and no room to wait, the second search is refused and the first is answered."""
    async with searcher(snapshot, max_waiting_searches=0) as stub:
        held = HeldSearches(monkeypatch)
        accepted = stub.Search(request(snapshot), timeout=10)
        await held.entered()

        failure = await refused(stub.Search(request(snapshot), timeout=10))

        assert (failure.code, failure.reason) == ("RESOURCE_EXHAUSTED", "OVERLOADED")
        assert failure.retry_after_seconds is not None
        assert failure.retry_after_seconds > 0
        held.let_go()
        assert (await accepted).neighbours


async def test_a_search_whose_deadline_passed_while_it_waited_is_not_run(
    snapshot: PublishedSnapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The late caller hears of it, from the searcher or from its own clock, and no work is done for nobody."""
    async with searcher(snapshot) as stub:
        held = HeldSearches(monkeypatch)
        first = stub.Search(request(snapshot), timeout=10)
        await held.entered()

        late = await refused(stub.Search(request(snapshot), timeout=0.1))
        await asyncio.sleep(0.3)  # the searcher's clock for this call started a little later than the caller's
        held.let_go()
        await first
        await stub.Search(request(snapshot), timeout=10)

    assert late.code in {"DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED"}
    assert held.begun == 2


async def test_the_event_loop_goes_on_while_faiss_works(
    snapshot: PublishedSnapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With every thread busy, Describe is answered."""
    async with searcher(snapshot) as stub:
        held = HeldSearches(monkeypatch)
        busy = stub.Search(request(snapshot), timeout=10)
        await held.entered()

        assert (await stub.Describe(shard_pb2.DescribeRequest(), timeout=2)).shards

        held.let_go()
        await busy


@pytest.mark.parametrize("name", ["index.faiss", "items.arrow", "golden.arrow"])
@pytest.mark.parametrize("damage", [flip_a_byte, Path.unlink])
async def test_a_damaged_or_missing_file_refuses_the_start_by_name(
    tmp_path: Path, name: str, damage: Callable[[Path], None]
) -> None:
    """One byte is enough; the process ends with status 1 and its log names the file."""
    snapshot = publish_snapshot(tmp_path, CATEGORIES)
    damage(snapshot.folder / "shoes" / name)

    with capture_logs() as log:
        assert await run(Searcher(settings := settings_for(snapshot)), settings) == 1

    (failed,) = (line for line in log if line["event"] == "start_failed")
    assert failed["reason"] == "SNAPSHOT_INVALID"
    assert f"shoes/{name}" in failed["error"]


async def test_a_shard_that_is_not_served_may_be_damaged(tmp_path: Path) -> None:
    """A searcher answers for its own shards only."""
    snapshot = publish_snapshot(tmp_path, CATEGORIES)
    flip_a_byte(snapshot.folder / "shoes" / "index.faiss")

    async with searcher(snapshot, shards=("bags",)) as stub:
        assert (await stub.Search(request(snapshot, "bags"), timeout=5)).neighbours


@pytest.mark.parametrize(
    ("changes", "reason", "text"),
    [
        ({"shards": ("gloves",)}, "SETTINGS_INVALID", "gloves"),
        ({"snapshot_id": "20200101T000000Z-0"}, "SNAPSHOT_NOT_FOUND", "20200101T000000Z-0"),
        ({"snapshot_root": "nowhere"}, "SNAPSHOT_NOT_FOUND", "nowhere"),
    ],
)
async def test_what_is_not_there_refuses_the_start(
    snapshot: PublishedSnapshot, changes: dict[str, object], reason: str, text: str
) -> None:
    """A wrong shard, snapshot or root is named."""
    settings = settings_for(snapshot, **changes)
    with capture_logs() as log:
        assert await run(Searcher(settings), settings) == 1

    (failed,) = (line for line in log if line["event"] == "start_failed")
    assert failed["reason"] == reason
    assert text in failed["error"]


async def test_a_manifest_of_another_space_or_schema_refuses_the_start_by_name(tmp_path: Path) -> None:
    """A space id that is not that of its embedder, and a schema that does not exist yet."""
    other_space = publish_snapshot(tmp_path / "space", CATEGORIES, space_id="0123456789abcdef")
    other_schema = publish_snapshot(tmp_path / "schema", CATEGORIES)
    manifest = other_schema.folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"schema_version": 3', '"schema_version": 4'))

    for snapshot, reason in ((other_space, "SPACE_MISMATCH"), (other_schema, "SNAPSHOT_INVALID")):
        settings = settings_for(snapshot)
        with capture_logs() as log:
            assert await run(Searcher(settings), settings) == 1
        (failed,) = (line for line in log if line["event"] == "start_failed")
        assert failed["reason"] == reason
        assert "manifest.json" in failed["error"]


async def test_a_search_uses_one_openmp_thread(snapshot: PublishedSnapshot) -> None:
    """FAISS would otherwise take every core for each of the searches that run at once."""
    service = Searcher(settings_for(snapshot))

    assert await service._pool.run(faiss.omp_get_max_threads) == 1

    await service.close()
