"""The gateway over the wire, with real searchers and the real Triton behind it, against brute force."""

import asyncio
import dataclasses
import math
import time
import urllib.request
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import grpc.aio
import numpy as np
import pytest
from aisle.search.v1 import search_pb2 as pb
from aisle.search.v1 import search_pb2_grpc as pb_grpc
from PIL import Image

from services.common.loop_lag import LoopLag
from services.filters.conversion import message_from
from services.filters.predicate import Equals, OneOf, Present
from services.models.process import TritonProcess
from services.photo.region import Region
from services.relevance.waves import Waves
from services.snapshot.manifest import BASELINE_SLUG
from tests.support import tiny_models
from tests.support.calls import asked, assert_same, failed
from tests.support.cluster import FUSION, IMAGES, Cluster, cluster, photo, probabilities_of, publish, true_hits
from tests.support.gateway import until
from tests.support.pictures import encoded
from tests.support.servers import channel_to
from tests.support.triton import free_port

pytestmark = pytest.mark.triton


@pytest.fixture(scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory, tiny_triton: TritonProcess) -> AsyncIterator[Cluster]:
    """A complete cluster that no test harms."""
    folder = tmp_path_factory.mktemp("shop")
    async with cluster(folder, publish(folder), tiny_triton.command.target) as running:
        yield running


@pytest.mark.parametrize("top_k", [1, 10, 1_000])
@pytest.mark.parametrize("seed", range(3))
async def test_all_answers_as_brute_force_does(shop: Cluster, seed: int, top_k: int) -> None:
    """Five shards and their merging are the flat search over every vector."""
    response = await shop.search(photo(seed), top_k=top_k, routing=asked(pb.POLICY_ALL))
    truth = true_hits(shop.snapshot, photo(seed), top_k)
    assert_same(response.hits, truth)
    assert [hit.category for hit in response.hits] == [true.category for true in truth]
    assert (response.coverage.share, response.coverage.partial) == (1.0, False)
    assert {shard.category for shard in response.coverage.shards} == set(IMAGES)
    assert response.snapshot_id == shop.snapshot.manifest.snapshot_id


@pytest.mark.parametrize("policy", [pb.POLICY_ALL, pb.POLICY_BASELINE])
async def test_a_filter_answers_as_brute_force_does_among_what_passes(shop: Cluster, policy: int) -> None:
    """Every second image passes, which is why products show other images than without; and there are no more."""
    gallery = {
        category: shop.snapshot.images[category].rows(np.arange(0, images, 2)) for category, images in IMAGES.items()
    }
    wanted = OneOf("image_id", tuple(image_id for images in gallery.values() for image_id in images.image_ids))
    response = await shop.search(photo(0), top_k=1_000, routing=asked(policy), filter=message_from(wanted))
    assert_same(response.hits, true_hits(dataclasses.replace(shop.snapshot, images=gallery), photo(0), 1_000))
    assert all(shard.exhausted for shard in response.coverage.shards)


async def test_a_filter_of_what_is_not_known_is_refused(shop: Cluster) -> None:
    """By the path of its field, and with what there is."""
    filtered = shop.search(photo(0), filter=message_from(Present("image_id") & ~Equals("colour", "red")))
    failure = await failed(filtered)
    assert (failure.code, failure.reason) == ("INVALID_ARGUMENT", "FILTER_INVALID")
    assert failure.field == "filter.all_of.filters[1].negated.equals.attribute"
    assert "'colour'; it has category, image_id, product_id" in failure.message


async def test_baseline_finds_the_same_products(shop: Cluster) -> None:
    """The one index over everything, without the classifier; its products keep their categories."""
    response = await shop.search(photo(1), routing=asked(pb.POLICY_BASELINE))
    truth = true_hits(shop.snapshot, photo(1), 10)
    assert_same(response.hits, truth)
    assert [hit.category for hit in response.hits] == [true.category for true in truth]
    assert [model.name for model in response.models] == ["embedder"]
    assert not response.categories


@pytest.mark.parametrize("policy", [pb.POLICY_TOP_1, pb.POLICY_TOP_P, pb.POLICY_ADAPTIVE, pb.POLICY_UNSPECIFIED])
@pytest.mark.parametrize("seed", range(2))
async def test_the_classifier_routes(shop: Cluster, policy: int, seed: int) -> None:
    """The shards are those of the likeliest categories that are sold here; ADAPTIVE and TOP_1 fuse its prior in."""
    priors = probabilities_of(photo(seed))
    response = await shop.search(photo(seed), routing=asked(policy))
    searched = [shard.category for shard in response.coverage.shards]
    assert searched == list(priors)[: len(searched)]
    assert len(searched) == (1 if policy == pb.POLICY_TOP_1 else len(searched))
    assert response.coverage.planned_share == pytest.approx(sum(priors[category] for category in searched), abs=1e-5)
    assert {each.category: each.probability for each in response.categories} == pytest.approx(priors, abs=1e-5)
    fused = None if policy == pb.POLICY_TOP_P else priors
    truth = true_hits(shop.snapshot, photo(seed), 10, categories=searched, priors=fused)
    assert_same(response.hits, truth)
    assert response.rung == pb.RUNG_FULL
    assert (response.verdict == pb.VERDICT_MATCH) == (truth[0].score >= 0.5)


async def test_adaptive_is_all_where_nothing_was_learned_about_the_classifier(
    tmp_path: Path, tiny_triton: TritonProcess
) -> None:
    """The catalogue says so; every shard is searched, by similarity alone."""
    snapshot = publish(tmp_path, fusion=FUSION.model_copy(update={"classifier_sha256": "ef" * 32}))
    async with cluster(tmp_path, snapshot, tiny_triton.command.target) as shop:
        assert not (await shop.stub.GetCatalog(pb.GetCatalogRequest())).is_adaptive_fitted
        response = await shop.search(photo(0))
        assert_same(response.hits, true_hits(snapshot, photo(0), 10))
        assert {shard.category for shard in response.coverage.shards} == set(IMAGES)


async def test_a_second_wave_searches_further_when_nothing_convinces(
    tmp_path: Path, tiny_triton: TritonProcess
) -> None:
    """A bound that no hit reaches: both waves are in the answer, which is that of one search over all shards."""
    waves = Waves(first_mass=0.1, weak_below=1.0, second_mass=1.0)
    snapshot = publish(tmp_path, fusion=FUSION.model_copy(update={"waves": waves}))
    async with cluster(tmp_path, snapshot, tiny_triton.command.target) as shop:
        response = await shop.search(photo(0))
        priors = probabilities_of(photo(0))
        assert [(shard.category, shard.wave) for shard in response.coverage.shards] == [
            (category, 1 if place == 0 else 2) for place, category in enumerate(priors)
        ]
        assert_same(response.hits, true_hits(snapshot, photo(0), 10, priors=priors))


async def test_exact_and_exhausted_go_all_the_way(shop: Cluster) -> None:
    """An exact search finds the same in small shards, and who gave everything says so."""
    response = await shop.search(photo(0), top_k=1_000, routing=asked(pb.POLICY_ALL, exact=True))
    assert_same(response.hits, true_hits(shop.snapshot, photo(0), 1_000))
    assert all(shard.exhausted for shard in response.coverage.shards)
    few = await shop.search(photo(0), top_k=1, routing=asked(pb.POLICY_ALL))
    assert not any(shard.exhausted for shard in few.coverage.shards)


async def test_agreement_with_an_exact_search_is_told_to_prometheus(tmp_path: Path, tiny_triton: TritonProcess) -> None:
    """Over HTTP, once the background search has ended; at close nothing is left running."""
    port = free_port()
    async with cluster(
        tmp_path, publish(tmp_path), tiny_triton.command.target, agreement_share=1.0, metrics_port=port
    ) as shop:
        await shop.search(photo(0), routing=asked(pb.POLICY_TOP_1))
        expected = 'aisle_gateway_agreement_searches_total{outcome="compared",policy="top_1"} 1.0'
        async with asyncio.timeout(5):
            while expected not in await asyncio.to_thread(scraped, port):  # noqa: ASYNC110 - HTTP has no event
                await asyncio.sleep(0.05)


def scraped(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as response:
        return response.read().decode()  # type: ignore[no-any-return]


async def test_the_caller_s_categories_are_searched_and_no_others(shop: Cluster) -> None:
    """Also one that the classifier cannot predict."""
    response = await shop.search(photo(2), routing=pb.Routing(categories=["hat", "bag"]))
    assert_same(response.hits, true_hits(shop.snapshot, photo(2), 10, categories=["hat", "bag"]))


async def test_a_region_is_searched_instead_of_the_picture(shop: Cluster) -> None:
    """The answer is that of the part, and says that it was cropped."""
    box = {"x_min": 0.25, "y_min": 0.0, "x_max": 1.0, "y_max": 0.5}
    response = await shop.search(photo(3), region=pb.Region(**box), routing=asked(pb.POLICY_ALL))
    assert_same(response.hits, true_hits(shop.snapshot, photo(3), 10, region=Region(**box)))
    assert response.photo.cropped


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
async def test_every_format_is_taken(shop: Cluster, kind: str) -> None:
    """The answer says what was found and where the time went."""
    response = await shop.search(photo(4, kind), routing=asked(pb.POLICY_ALL))
    assert_same(response.hits, true_hits(shop.snapshot, photo(4, kind), 10))
    assert (response.photo.format, response.photo.width, response.photo.height) == (kind, 96, 96)
    seconds = {timing.stage: timing.duration.ToNanoseconds() / 1e9 for timing in response.timings}
    assert set(seconds) == {"decode", "classify", "embed", "route", "scatter", "merge", "total"}
    apart = ("decode", "embed", "route", "scatter", "merge")  # classify runs beside embed
    assert sum(seconds[stage] for stage in apart) <= seconds["total"]


async def test_without_a_deadline_the_default_applies(shop: Cluster) -> None:
    """A caller that sets none is answered, too."""
    assert (await shop.search(photo(0), timeout_seconds=None)).hits


BOMB = encoded(Image.new("1", (10_000, 10_000)), "PNG")
GOOD = encoded(Image.new("RGB", (64, 64), "red"))


@dataclasses.dataclass(frozen=True)
class Bad:
    """A request that is wrong, and what must be said about it."""

    name: str
    code: str
    reason: str
    field: str
    image: bytes = GOOD
    rest: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __str__(self) -> str:
        return self.name


def routing(**fields: Any) -> dict[str, Any]:
    return {"routing": pb.Routing(**fields)}


def region(x_min: float, y_min: float, x_max: float, y_max: float) -> dict[str, Any]:
    return {"region": pb.Region(x_min=x_min, y_min=y_min, x_max=x_max, y_max=y_max)}


UNREADABLE, TOO_LARGE = (
    ("INVALID_ARGUMENT", "IMAGE_UNREADABLE", "image"),
    ("RESOURCE_EXHAUSTED", "IMAGE_TOO_LARGE", "image"),
)
INVALID, NO_REGION = ("INVALID_ARGUMENT", "INVALID_ARGUMENT"), ("INVALID_ARGUMENT", "REGION_INVALID")
UNKNOWN: Any = 99
BAD = [
    Bad("no bytes", *UNREADABLE, b""),
    Bad("no image", *UNREADABLE, b"%PDF-1.7 not a picture at all"),
    Bad("a GIF", *UNREADABLE, encoded(Image.new("L", (8, 8)), "GIF")),
    Bad("truncated JPEG", *UNREADABLE, photo(0, "JPEG")[:-200]),
    Bad("truncated PNG", *UNREADABLE, photo(0)[:-40]),
    Bad("truncated WebP", *UNREADABLE, photo(0, "WEBP")[:-40]),
    Bad("header only", *UNREADABLE, photo(0)[:33]),
    Bad("bomb", *TOO_LARGE, BOMB),
    Bad("20 MB and one byte", *TOO_LARGE, GOOD + bytes(20_000_001 - len(GOOD))),
    Bad("region outside", *NO_REGION, "region.x_max", rest=region(0.0, 0.0, 1.5, 1.0)),
    Bad("region negative", *NO_REGION, "region.y_min", rest=region(0.0, -0.5, 1.0, 1.0)),
    Bad("region empty", *NO_REGION, "region.x_min", rest=region(0.5, 0.0, 0.5, 1.0)),
    Bad("region unset", *NO_REGION, "region.x_min", rest={"region": pb.Region()}),
    Bad("region NaN", *NO_REGION, "region.y_max", rest=region(0.0, 0.0, 1.0, math.nan)),
    Bad("top_k 0", *INVALID, "top_k", rest={"top_k": 0}),
    Bad("top_k 10,000", *INVALID, "top_k", rest={"top_k": 10_000}),
    Bad("top_k least int", *INVALID, "top_k", rest={"top_k": -(2**31)}),
    Bad("category", "INVALID_ARGUMENT", "UNKNOWN_CATEGORY", "routing.categories", rest=routing(categories=["spoon"])),
    Bad("1,001 categories", *INVALID, "routing.categories", rest=routing(categories=["bag"] * 1_001)),
    Bad("mass NaN", *INVALID, "routing.probability_mass", rest=routing(probability_mass=math.nan)),
    Bad("mass 2", *INVALID, "routing.probability_mass", rest=routing(probability_mass=2.0)),
    Bad("coverage NaN", *INVALID, "minimum_coverage", rest={"minimum_coverage": math.nan}),
    Bad("coverage 1.5", *INVALID, "minimum_coverage", rest={"minimum_coverage": 1.5}),
    Bad("coverage -inf", *INVALID, "minimum_coverage", rest={"minimum_coverage": -math.inf}),
    Bad("policy 99", *INVALID, "routing.policy", rest=routing(policy=UNKNOWN)),
    Bad("criticality 99", *INVALID, "criticality", rest={"criticality": UNKNOWN}),
]


@pytest.mark.parametrize("bad", BAD, ids=str)
async def test_bad_input_is_refused_by_name_and_the_service_goes_on(shop: Cluster, bad: Bad) -> None:
    """Code, reason and field; the next caller notices nothing."""
    failure = await failed(shop.search(bad.image, **bad.rest))
    assert (failure.code, failure.reason, failure.field) == (bad.code, bad.reason, bad.field)
    assert (await shop.search(GOOD)).hits


async def test_a_message_over_grpc_s_own_limit_is_refused_too(shop: Cluster) -> None:
    """Above 24 MB nothing is read at all: the same code, gRPC's own text."""
    async with grpc.aio.insecure_channel(shop.address, [("grpc.max_send_message_length", -1)]) as channel:
        send: Any = channel.unary_unary("/aisle.search.v1.SearchService/Search", None, None)
        failure = await failed(send(pb.SearchRequest(image=bytes(25_000_000)).SerializeToString(), timeout=10))
    assert failure.code == "RESOURCE_EXHAUSTED"
    assert (await shop.search(GOOD)).hits


async def test_metadata_of_a_megabyte_are_refused_and_the_service_goes_on(shop: Cluster) -> None:
    """gRPC takes 8 kB; whoever sends more hears so, and shares a connection with nobody."""
    async with channel_to(shop.address) as channel:
        stub = pb_grpc.SearchServiceStub(channel)
        metadata = (("note", "x" * 1_000_000),)
        failure = await failed(stub.Search(pb.SearchRequest(image=GOOD), timeout=10, metadata=metadata))
    assert failure.code in {"RESOURCE_EXHAUSTED", "UNAVAILABLE"}
    assert (await shop.search(GOOD)).hits


async def test_ten_minutes_are_not_held_for_ten_minutes(tmp_path: Path, tiny_triton: TritonProcess) -> None:
    """The most that anybody gets is what the gateway grants, however far the caller's deadline is."""
    async with cluster(tmp_path, publish(tmp_path), tiny_triton.command.target, max_timeout_seconds=0.021) as shop:
        began = time.monotonic()
        failure = await failed(shop.search(GOOD, timeout_seconds=600.0))
        assert failure.code == "DEADLINE_EXCEEDED"
        assert time.monotonic() - began < 1.0


async def test_a_full_20_mb_is_accepted(shop: Cluster) -> None:
    """The limit is a limit for photos, not for messages around them."""
    assert (await shop.search(GOOD + bytes(20_000_000 - len(GOOD)))).hits


@pytest.mark.parametrize("timeout_seconds", [-1.0, 0.0, 0.002])
async def test_a_deadline_that_cannot_be_kept_is_said_in_time(shop: Cluster, timeout_seconds: float) -> None:
    """Past, or shorter than any answer takes."""
    started = time.monotonic()
    failure = await failed(shop.search(GOOD, timeout_seconds=timeout_seconds))
    assert failure.code == "DEADLINE_EXCEEDED"
    assert time.monotonic() - started < 1.0
    assert (await shop.search(GOOD)).hits


async def test_a_caller_that_goes_away_frees_its_place(shop: Cluster) -> None:
    """Nothing of a cancelled photo is left in work."""
    calls = [asyncio.create_task(shop.search(photo(seed))) for seed in range(8)]
    await until(lambda: shop.in_flight > 0)
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    await until(lambda: shop.in_flight == 0, timeout_seconds=1.0)


@pytest.mark.parametrize("page_size", [0, 1, 2, 5, 1_000])
async def test_the_catalog_is_told_page_by_page(shop: Cluster, page_size: int) -> None:
    """By name, each once, whatever the pages; with what the classifier cannot predict."""
    pages: list[pb.GetCatalogResponse] = []
    token = ""
    while not pages or token:
        pages.append(await shop.stub.GetCatalog(pb.GetCatalogRequest(page_size=page_size, page_token=token)))
        token = pages[-1].next_page_token
    categories = [category for page in pages for category in page.categories]
    assert [(each.category, each.images, each.routable) for each in categories] == [
        (category, images, category in tiny_models.LABELS) for category, images in sorted(IMAGES.items())
    ]
    assert [each.products for each in categories] == [-(-images // 3) for _, images in sorted(IMAGES.items())]
    assert len(pages) == -(-len(IMAGES) // (page_size or 100))
    manifest = shop.snapshot.manifest
    for page in pages:
        assert (page.snapshot_id, page.space_id, page.has_baseline) == (manifest.snapshot_id, manifest.space_id, True)
        assert page.is_adaptive_fitted
        assert [each.name for each in page.attributes] == ["category", "image_id", "product_id"]
        assert [(model.name, model.version) for model in page.models] == [
            ("embedder", "tiny-embedder-1"),
            ("classifier", "tiny-classifier-1"),
        ]
    assert manifest.shard(BASELINE_SLUG) is not None


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (pb.GetCatalogRequest(page_size=-1), "page_size"),
        (pb.GetCatalogRequest(page_token="5"), "page_token"),
        (pb.GetCatalogRequest(page_token="-1"), "page_token"),
        (pb.GetCatalogRequest(page_token="nonsense"), "page_token"),
    ],
)
async def test_a_wrong_page_is_refused(shop: Cluster, request_: pb.GetCatalogRequest, field: str) -> None:
    """Size and token are checked like everything else."""
    failure = await failed(shop.stub.GetCatalog(request_))
    assert (failure.code, failure.field) == ("INVALID_ARGUMENT", field)


async def test_nothing_blocks_the_event_loop(shop: Cluster) -> None:
    """While a photo is decoded for long, and shards are searched, the loop comes to everything else in time."""
    squares = Image.fromarray(np.random.default_rng(1).integers(0, 256, (300, 400, 3), dtype=np.uint8))
    data = encoded(squares.resize((8_000, 6_000), Image.Resampling.NEAREST), "PNG")
    lags: list[float] = []
    lag = LoopLag(lags.append)
    response = await shop.search(data, routing=asked(pb.POLICY_ALL))
    await lag.close()
    decoding = next(timing.duration.ToTimedelta() for timing in response.timings if timing.stage == "decode")
    assert decoding.total_seconds() > 0.1
    assert max(lags) < decoding.total_seconds() / 2
