"""SearchStream over the wire: every photo answered once under its own id, whatever the others do."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from aisle.search.v1 import search_pb2 as pb

from services.common.status import failure_of
from services.gateway.answering.ports import Models
from services.gateway.servicer import STREAM_IN_FLIGHT
from services.models.process import TritonProcess
from tests.support.cluster import Cluster, cluster, photo, publish, true_hits
from tests.support.gateway import Gate, until

pytestmark = pytest.mark.triton


@pytest.fixture(scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory, tiny_triton: TritonProcess) -> AsyncIterator[Cluster]:
    """A complete cluster that no test harms."""
    folder = tmp_path_factory.mktemp("shop")
    async with cluster(folder, publish(folder), tiny_triton.command.target, least_in_flight=64) as running:
        yield running


def named(request_id: str, image: bytes, **fields: Any) -> pb.SearchStreamRequest:
    search = pb.SearchRequest(image=image, routing=pb.Routing(policy=pb.POLICY_ALL), **fields)
    return pb.SearchStreamRequest(request_id=request_id, request=search)


async def answers(shop: Cluster, requests: Iterable[pb.SearchStreamRequest]) -> list[pb.SearchStreamResponse]:
    """Send everything at once, then read to the end."""
    call = shop.stub.SearchStream(iter(list(requests)), timeout=20)
    return [response async for response in call]


async def test_each_photo_gets_its_own_answer(shop: Cluster) -> None:
    """Far more than are in work at once; each answer is the truth about the photo of that id."""
    responses = await answers(shop, (named(f"photo-{seed}", photo(seed), top_k=3) for seed in range(50)))
    assert Counter(response.request_id for response in responses) == {f"photo-{seed}": 1 for seed in range(50)}
    for response in responses:
        truth = true_hits(shop.snapshot, photo(int(response.request_id.partition("-")[2])), 3)
        assert [hit.product_id for hit in response.response.hits] == [true.product_id for true in truth]


async def test_never_more_in_work_than_promised(shop: Cluster) -> None:
    """Sixteen at once, and really as many."""
    most, done = 0, asyncio.Event()

    async def watch() -> None:
        nonlocal most
        while not done.is_set():
            most = max(most, shop.in_flight)
            await asyncio.sleep(0)

    watching = asyncio.create_task(watch())
    await answers(shop, (named(str(seed), photo(seed % 8)) for seed in range(80)))
    done.set()
    await watching
    assert most == STREAM_IN_FLIGHT


async def test_bad_photos_among_good_ones(shop: Cluster) -> None:
    """Each gets the error that its call would have got; the good ones get their answers."""
    responses = await answers(
        shop,
        [
            named("good-1", photo(1)),
            named("empty", b""),
            named("torn", photo(0)[:-40]),
            named("huge", bytes(20_000_001)),
            named("many", photo(0), top_k=10_000),
            named("late-good", photo(2)),
            named("", photo(0)),
            named("x" * 129, photo(0)),
            named("x" * 128, photo(0)),
            pb.SearchStreamRequest(request_id="nothing"),
        ],
    )
    outcomes = {response.request_id: response for response in responses}
    assert len(responses) == len(outcomes) == 10
    good = {name for name, outcome in outcomes.items() if outcome.WhichOneof("outcome") == "response"}
    assert good == {"good-1", "late-good", "x" * 128}
    errors = {name: outcomes[name].error for name in outcomes.keys() - good}
    assert {name: (error.code, error.reason, error.field) for name, error in errors.items()} == {
        "empty": (3, "IMAGE_UNREADABLE", "image"),
        "torn": (3, "IMAGE_UNREADABLE", "image"),
        "huge": (8, "IMAGE_TOO_LARGE", "image"),
        "many": (3, "INVALID_ARGUMENT", "top_k"),
        "": (3, "INVALID_ARGUMENT", "request_id"),
        "x" * 129: (3, "INVALID_ARGUMENT", "request_id"),
        "nothing": (3, "IMAGE_UNREADABLE", "image"),
    }
    assert all(error.message for error in errors.values())


async def test_the_same_id_twice_is_two_answers(shop: Cluster) -> None:
    """Ids are the caller's own; the gateway only gives them back."""
    responses = await answers(shop, [named("twin", photo(1)), named("twin", photo(2))])
    assert [response.request_id for response in responses] == ["twin", "twin"]


async def test_an_empty_stream_ends_well(shop: Cluster) -> None:
    """No photo, no answer, OK."""
    assert await answers(shop, []) == []


async def test_a_conversation(shop: Cluster) -> None:
    """A caller may wait for each answer before it sends the next photo, and be silent in between."""
    call = shop.stub.SearchStream(timeout=20)
    for seed in range(4):
        await call.write(named(str(seed), photo(seed)))
        assert (await call.read()).request_id == str(seed)
    await call.done_writing()
    assert await call.code() == grpc.StatusCode.OK


async def test_a_caller_that_cancels_cancels_all_of_its_photos(shop: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the models are stuck: every call to them is cancelled; the next stream is served."""
    gate = Gate(is_open=False)
    with monkeypatch.context() as stuck:
        search = shop.gateway._servicer._search
        assert search is not None
        stuck.setattr(search, "_models", StuckModels(gate, search._models))
        call = shop.stub.SearchStream(iter([named(str(seed), photo(seed % 8)) for seed in range(60)]), timeout=20)
        await gate.was_entered(2 * STREAM_IN_FLIGHT)
        call.cancel()
        await until(lambda: gate.cancelled == 2 * STREAM_IN_FLIGHT)
    assert shop.in_flight == 0
    assert len(await answers(shop, [named("next", photo(0))])) == 1


async def test_the_end_of_the_stream_s_time_is_its_end(shop: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """DEADLINE_EXCEEDED, and what was in work then is cancelled."""
    gate = Gate(is_open=False)
    with monkeypatch.context() as stuck:
        search = shop.gateway._servicer._search
        assert search is not None
        stuck.setattr(search, "_models", StuckModels(gate, search._models))
        call = shop.stub.SearchStream(timeout=1.0)
        for seed in range(4):  # and no more: a write that meets the end would hide its reason from this caller
            await call.write(named(str(seed), photo(seed)))
        await gate.was_entered(2 * 4)
        with pytest.raises(grpc.aio.AioRpcError) as ended:
            await call.read()
        await until(lambda: gate.cancelled == 2 * 4)
    assert failure_of(ended.value).code == "DEADLINE_EXCEEDED"
    assert shop.in_flight == 0


async def test_bytes_that_are_no_message_end_only_their_stream(shop: Cluster) -> None:
    """A caller with another idea of the protocol gets an error, not a hang; the others notice nothing."""
    async with grpc.aio.insecure_channel(shop.address) as channel:
        talk: Any = channel.stream_stream("/aisle.search.v1.SearchService/SearchStream", None, None)
        with pytest.raises(grpc.aio.AioRpcError):
            _ = [response async for response in talk(iter([b"\xff\xff"]), timeout=5)]
    assert len(await answers(shop, [named("next", photo(0))])) == 1


async def test_a_draining_gateway_ends_its_streams_without_losing_a_photo(
    tmp_path: Path, tiny_triton: TritonProcess
) -> None:
    """What was read is answered, then UNAVAILABLE: the rest can go to another gateway."""
    async with cluster(tmp_path, publish(tmp_path), tiny_triton.command.target) as shop:
        call = shop.stub.SearchStream(timeout=20)
        for seed in range(STREAM_IN_FLIGHT):
            await call.write(named(str(seed), photo(seed % 8)))
        await until(lambda: shop.in_flight > 0)
        await asyncio.sleep(0.01)
        shop.gateway.drain()
        seen: list[str] = []
        with pytest.raises(grpc.aio.AioRpcError) as ended:
            await _read_into(seen, call)
        failure = failure_of(ended.value)
        assert (failure.code, failure.reason) == ("UNAVAILABLE", "NOT_SERVING")
        assert sorted(seen, key=int) == [str(seed) for seed in range(len(seen))]
        assert seen


class StuckModels:
    """Models that say what they are, and then wait at a gate for ever."""

    are_joined = False

    def __init__(self, gate: Gate, models: Models) -> None:
        self._gate = gate
        self.embedder = models.embedder
        self.classifiers = models.classifiers

    async def embed(self, *_: object) -> None:
        """Wait."""
        await self._gate.passage()

    classify = embed


async def _read_into(seen: list[str], call: Any) -> None:
    async for response in call:
        seen.append(response.request_id)  # noqa: PERF401 - what came before the error counts
