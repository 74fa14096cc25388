"""The client against a real gRPC server that behaves, and misbehaves, as the contract allows."""

import asyncio
import math
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import grpc.aio
import numpy as np
import pytest
from aisle.search.v1 import search_pb2, search_pb2_grpc

from services.client import (
    AisleClient,
    Health,
    Policy,
    Region,
    SearchItem,
    SearchOutcome,
    ShardState,
    streaming,
)
from services.common.channels import channel_options
from services.common.errors import (
    DeadlineExceeded,
    ImageUnreadable,
    InvalidArgument,
    Overloaded,
    Unavailable,
)
from tests.support.fake_gateway import SERVICE, FakeGateway, photos, serving

THREE_MEGABYTES = b"x" * 3_000_000


@pytest.fixture
def gateway() -> FakeGateway:
    return FakeGateway()


@pytest.fixture
async def target(gateway: FakeGateway) -> AsyncIterator[str]:
    async with serving(gateway) as address:
        yield address


@pytest.fixture
async def client(target: str) -> AsyncIterator[AisleClient]:
    async with AisleClient(target) as opened:
        yield opened


async def collect(outcomes: AsyncIterator[SearchOutcome]) -> dict[str, SearchOutcome]:
    """Return the outcomes by request id, and fail when a photo has two."""
    found: dict[str, SearchOutcome] = {}
    async for outcome in outcomes:
        assert outcome.request_id not in found
        found[outcome.request_id] = outcome
    return found


class TestSearch:
    async def test_the_whole_answer_arrives_typed(self, client: AisleClient) -> None:
        """Every field of the answer is in the result, with times in milliseconds."""
        result = await client.search(b"p1")
        assert result.hits[0].product_id == "p1"
        assert (result.hits[0].score, result.hits[0].similarity) == (0.75, 0.5)
        assert (result.coverage.share, result.coverage.planned_share, result.coverage.partial) == (0.875, 1.0, True)
        assert [shard.state for shard in result.coverage.shards] == [ShardState.ANSWERED, ShardState.LATE]
        assert result.coverage.shards[0].latency_ms == 1.5
        assert result.timings_ms == {"decode": 2.5, "total": 20.0}
        assert (result.photo.orientation, result.photo.decode_reduction) == (6, 2)

    async def test_options_reach_the_gateway(self, client: AisleClient, gateway: FakeGateway) -> None:
        """What the caller asks for is on the wire, and nothing that the caller did not ask for."""
        region = Region(0.25, 0, 0.5, 1)
        await client.search(
            b"p", top_k=3, policy=Policy.TOP_P, probability_mass=0.5, categories=("bags",), region=region,
            minimum_coverage=0.25,
        )  # fmt: skip
        sent = gateway.calls[0]
        assert (sent.top_k, sent.routing.policy, sent.routing.probability_mass) == (3, 2, 0.5)
        assert (list(sent.routing.categories), sent.region.x_min, sent.minimum_coverage) == (["bags"], 0.25, 0.25)
        await client.search(b"p")
        assert not gateway.calls[1].HasField("top_k")
        assert not gateway.calls[1].HasField("region")

    async def test_a_path_and_an_array_are_photos_too(
        self, client: AisleClient, gateway: FakeGateway, tmp_path: Path
    ) -> None:
        """A file's bytes go out as they are; an array goes out as a picture."""
        (tmp_path / "photo.jpg").write_bytes(b"from-file")
        result = await client.search(tmp_path / "photo.jpg")
        assert result.hits[0].product_id == "from-file"
        await client.search(np.zeros((4, 6, 3), np.uint8))
        assert gateway.calls[1].image.startswith(b"\x89PNG")

    async def test_a_photo_of_three_megabytes_is_sent_again(self, client: AisleClient, gateway: FakeGateway) -> None:
        """gRPC stops retrying above its buffer's 256 kB unless told otherwise: a photo must still be retried."""
        gateway.failures_left = 2
        result = await client.search(THREE_MEGABYTES, timeout_seconds=10)
        assert result.hits
        assert [len(call.image) for call in gateway.calls] == [len(THREE_MEGABYTES)] * 3

    async def test_five_attempts_are_the_last(self, client: AisleClient, gateway: FakeGateway) -> None:
        """A gateway that stays away is reported after five attempts."""
        gateway.failures_left = 99
        with pytest.raises(Unavailable, match="restarting"):
            await client.search(b"p", timeout_seconds=10)
        assert len(gateway.calls) == 5

    async def test_overload_is_not_asked_again(self, client: AisleClient, gateway: FakeGateway) -> None:
        """RESOURCE_EXHAUSTED comes back at once, with the time after which to come back."""
        with pytest.raises(Overloaded, match="full") as caught:
            await client.search(b"overloaded")
        assert caught.value.retry_after_seconds == 0.25
        assert len(gateway.calls) == 1

    async def test_the_error_names_the_field(self, client: AisleClient) -> None:
        """The class of the wire's reason is raised, with its field."""
        with pytest.raises(ImageUnreadable, match="not a picture") as caught:
            await client.search(b"unreadable")
        assert caught.value.field == "image"

    async def test_the_deadline_is_the_callers(self, client: AisleClient, gateway: FakeGateway) -> None:
        """The gateway sees the time that is left, and the caller does not wait longer."""
        with pytest.raises(DeadlineExceeded):
            await client.search(b"slow", timeout_seconds=0.3)
        assert gateway.deadlines_seconds[0] == pytest.approx(0.3, abs=0.1)

    async def test_a_port_without_server_is_unavailable(self, unused_tcp_port: int) -> None:
        """Nobody there: Unavailable, soon, although there is time left."""
        async with AisleClient(f"127.0.0.1:{unused_tcp_port}") as client, asyncio.timeout(5):
            with pytest.raises(Unavailable):
                await client.search(b"p", timeout_seconds=10)
            assert await client.health() is Health.UNREACHABLE


class TestSearchMany:
    async def test_each_photo_has_one_outcome(self, client: AisleClient, tmp_path: Path) -> None:
        """Bad photos have their errors, wherever they were found, and the others their answers."""
        items: list[SearchItem] = [
            *photos("a", "unreadable", "b", "overloaded"),
            ("missing", tmp_path / "missing.jpg", {}),
            ("", b"no id", {}),
            ("shape", np.zeros((2, 2), np.uint8), {}),
        ]
        outcomes = await collect(client.search_many(items))
        assert {name: type(outcome.error).__name__ for name, outcome in outcomes.items()} == {
            "0-a": "NoneType",
            "1-unreadable": "ImageUnreadable",
            "2-b": "NoneType",
            "3-overloaded": "Overloaded",
            "missing": "ImageUnreadable",
            "": "InvalidArgument",
            "shape": "ImageUnreadable",
        }
        assert outcomes["2-b"].unwrap().hits[0].product_id == "b"
        overloaded = outcomes["3-overloaded"].error
        assert overloaded is not None
        assert overloaded.retry_after_seconds == 0.25
        with pytest.raises(ImageUnreadable):
            outcomes["missing"].unwrap()

    async def test_flight_is_bounded_by_the_answers(self, client: AisleClient, gateway: FakeGateway) -> None:
        """The gateway never holds more photos than `in_flight`, and that many do fly."""
        gateway.answer_seconds = 0.002
        assert len(await collect(client.search_many(photos(*"p" * 60), in_flight=3))) == 60
        assert gateway.most_unanswered == 3

    async def test_flight_is_bounded_by_the_caller(self, client: AisleClient, gateway: FakeGateway) -> None:
        """A caller that takes no outcomes gets no further photos sent: answers don't pile up."""
        outcomes = client.search_many(photos(*"p" * 60), in_flight=4)
        await anext(outcomes)
        await asyncio.sleep(0.3)
        assert len(gateway.stream_ids) <= 5
        await outcomes.aclose()

    @pytest.mark.parametrize("break_after", [None, 0, 3])
    async def test_a_broken_stream_is_taken_up_again(
        self, client: AisleClient, gateway: FakeGateway, break_after: int | None
    ) -> None:
        """Photos without answer are sent again after the stream broke, the others are not."""
        gateway.failures_left, gateway.break_after = 2, break_after
        outcomes = await collect(client.search_many(photos(*"p" * 20), in_flight=4))
        assert len(outcomes) == 20
        assert {repr(outcome.error) for outcome in outcomes.values()} == {"None"}
        assert len(gateway.stream_ids) <= 20 + 2 * 4

    async def test_a_gateway_that_stays_away_fails_the_photos(self, client: AisleClient, gateway: FakeGateway) -> None:
        """After five attempts each photo has its failure, and the iteration ends."""
        gateway.failures_left = 10_000
        outcomes = await collect(client.search_many(photos("a", "b"), in_flight=2))
        assert {type(outcome.error) for outcome in outcomes.values()} == {Unavailable}
        assert 5 <= 10_000 - gateway.failures_left <= 7  # a stream may break before a photo is on it

    async def test_an_unavailable_photo_is_sent_again_over_the_same_stream(
        self, client: AisleClient, gateway: FakeGateway
    ) -> None:
        """UNAVAILABLE of one photo neither is its outcome nor ends the stream, though all others were answered."""
        gateway.refusals_left = 2
        outcomes = await collect(client.search_many(photos("flaky", "b")))
        assert outcomes["0-flaky"].unwrap().hits[0].product_id == "flaky"
        assert outcomes["1-b"].error is None
        assert gateway.stream_ids == ["0-flaky", "1-b", "0-flaky", "0-flaky"]
        assert len(gateway.deadlines_seconds) == 1

    async def test_a_photo_that_stays_unavailable_fails_alone(self, client: AisleClient, gateway: FakeGateway) -> None:
        """After five attempts UNAVAILABLE is that photo's outcome, and the others have their answers."""
        gateway.refusals_left = 99
        outcomes = await collect(client.search_many(photos("flaky", "b")))
        assert isinstance(outcomes["0-flaky"].error, Unavailable)
        assert outcomes["1-b"].error is None
        assert gateway.stream_ids.count("0-flaky") == 5
        assert len(gateway.deadlines_seconds) == 1

    async def test_a_back_off_does_not_outlast_the_deadline(
        self, client: AisleClient, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An unavailable photo fails at once with its own error when the time would be over before it is sent again."""
        monkeypatch.setattr(streaming, "backoff_seconds", lambda *_: 60.0)
        gateway.refusals_left = 1
        async with asyncio.timeout(5):
            outcomes = await collect(client.search_many(photos("flaky", "b"), timeout_seconds=30))
        assert isinstance(outcomes["0-flaky"].error, Unavailable)
        assert gateway.stream_ids == ["0-flaky", "1-b"]

    async def test_the_deadline_ends_all_photos(self, client: AisleClient) -> None:
        """When the time is over, photos in flight and photos not yet sent fail with DEADLINE_EXCEEDED."""
        items = photos("a", "slow", *"p" * 10)
        async with asyncio.timeout(5):
            outcomes = await collect(client.search_many(items, in_flight=2, timeout_seconds=0.3))
        assert outcomes["0-a"].error is None
        assert isinstance(outcomes["1-slow"].error, DeadlineExceeded)
        assert len(outcomes) == 12

    async def test_whatever_an_item_is_it_has_one_outcome(self, client: AisleClient) -> None:
        """What can't be sent fails alone, and the photos beside it are answered."""
        items: Any = [
            ("a", b"a", {}),
            ("\ud800", b"b", {}),
            ("c", None, {}),
            ("d", bytearray(b"d"), {}),
            ("e", np.zeros((70_000, 60, 3), np.uint8), {}),
            ("f", b"f", {"categories": ["x" * 1_000_000] * 25}),
            ("g\u00a0", b"g", {}),
            (7, b"h", {}),
        ]
        async with asyncio.timeout(10):
            outcomes: Any = await collect(client.search_many(items, timeout_seconds=5.0))
        assert {name for name, outcome in outcomes.items() if outcome.error is None} == {"a", "g\u00a0"}
        refusals = (InvalidArgument, ImageUnreadable)
        assert all(isinstance(outcomes[name].error, refusals) for name in ("\ud800", "c", "d", "e", "f", 7))

    async def test_photos_that_are_not_there_in_time_are_not_waited_for(self, client: AisleClient) -> None:
        """Those before are answered; then the caller hears that the time is over."""

        async def never() -> AsyncIterator[SearchItem]:
            yield "a", b"a", {}
            await asyncio.Event().wait()

        async with asyncio.timeout(5):
            outcomes = client.search_many(never(), timeout_seconds=0.5)
            assert (await anext(outcomes)).error is None
            with pytest.raises(DeadlineExceeded, match="more of them were awaited"):
                await anext(outcomes)

    @pytest.mark.parametrize("timeout_seconds", [math.inf, math.nan, 1e10])
    async def test_a_time_that_grpc_can_not_take_is_refused(self, client: AisleClient, timeout_seconds: float) -> None:
        """It would make a moment in the past of it."""
        with pytest.raises(InvalidArgument, match="timeout_seconds is at most 1,000,000"):
            await anext(client.search_many(photos("a"), timeout_seconds=timeout_seconds))
        with pytest.raises(InvalidArgument, match="timeout_seconds is at most 1,000,000"):
            await client.search(b"a", timeout_seconds=timeout_seconds)

    async def test_a_stream_that_ends_late_changes_no_outcome(self, client: AisleClient, gateway: FakeGateway) -> None:
        """When the time is over after the last answer, the iteration ends with the answers."""
        gateway.linger_seconds = 60.0
        async with asyncio.timeout(5):
            outcomes = await collect(client.search_many(photos("a"), timeout_seconds=0.5))
        assert outcomes["0-a"].error is None

    async def test_an_id_in_flight_is_not_taken_twice(self, client: AisleClient) -> None:
        """The second photo of the same name fails, the first is answered; a name is free again after its answer."""

        async def same_name() -> AsyncIterator[SearchItem]:
            yield "a", b"first", {}
            yield "a", b"second", {}
            await asyncio.sleep(0.5)
            yield "a", b"third", {}

        seen = [outcome async for outcome in client.search_many(same_name())]
        assert [o.result.hits[0].product_id for o in seen if o.result] == ["first", "third"]
        assert [type(o.error) for o in seen if o.error] == [InvalidArgument]

    async def test_what_the_items_raise_reaches_the_caller(self, client: AisleClient) -> None:
        """The photos before the failure are answered first."""

        def failing() -> Iterator[SearchItem]:
            yield "a", b"a", {}
            raise LookupError("no more")

        outcomes = client.search_many(failing())
        assert (await anext(outcomes)).request_id == "a"
        with pytest.raises(LookupError, match="no more"):
            await anext(outcomes)

    async def test_a_caller_who_leaves_ends_the_stream(self, client: AisleClient) -> None:
        """Closing the iteration cancels what is in flight and leaves no task behind."""
        outcomes = client.search_many(photos("a", "slow"))
        await anext(outcomes)
        await outcomes.aclose()
        assert not [task for task in asyncio.all_tasks() if "Flight" in repr(task.get_coro())]


class TestCatalogAndHealth:
    async def test_all_pages_are_one_catalogue(self, client: AisleClient) -> None:
        """2,345 categories come in three pages and leave as one catalogue."""
        catalog = await client.catalog()
        assert [each.products for each in catalog.categories] == list(range(2_345))
        assert (catalog.snapshot_id, catalog.space_id, catalog.has_baseline) == ("snapshot-1", "space-1", True)

    @pytest.mark.parametrize(
        ("states", "health"),
        [([(SERVICE, 1)], Health.SERVING), ([(SERVICE, 2)], Health.NOT_SERVING), ([], Health.NOT_SERVING)],
    )
    async def test_health_is_told(self, gateway: FakeGateway, states: list[tuple[str, int]], health: Health) -> None:
        """SERVING, NOT_SERVING and a server that knows no such service are told apart."""
        async with serving(gateway, states=states) as target, AisleClient(target) as client:
            assert await client.health() is health


async def test_a_service_config_that_does_not_parse_fails_every_call(target: str) -> None:
    """And ours does parse, for with it calls go through: gRPC tells of it in no other way."""
    broken = channel_options({"methodConfig": [{"name": [{"service": 5}]}]})
    async with grpc.aio.insecure_channel(target, options=broken) as channel:
        with pytest.raises(grpc.aio.AioRpcError, match="config"):
            await search_pb2_grpc.SearchServiceStub(channel).Search(search_pb2.SearchRequest(image=b"x"), timeout=2)
    async with AisleClient(target) as client:
        await client.search(b"x", timeout_seconds=2.0)
