"""Whose word on traces counts, what is carried on of it, and what a span says of a failure."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aisle.shard.v1 import shard_pb2, shard_pb2_grpc

from services.common.errors import Overloaded
from services.common.otlp import OtlpTracing
from services.common.tracing import span, trace_headers
from tests.support.collector import Seen, collecting
from tests.support.fake_shard_service import FakeShardService
from tests.support.guarded import Trust, guarded, outcome
from tests.support.servers import channel_to

TRACE = "deadbeef" * 4
SAMPLED = ("traceparent", f"00-{TRACE}-00f067aa0ba902b7-01")
RIGHT, WRONG = (("authorization", f"Bearer {word}") for word in ("right", "wrong"))


@pytest.fixture
def trust(tmp_path: Path) -> Trust:
    """An authority, and an access file."""
    return Trust(tmp_path)


async def spans_of(
    trust: Trust, work: Callable[[], Awaitable[object]], *calls: tuple[tuple[str, str], ...]
) -> list[Seen]:
    """Call with these metadata, one after the other, and return all spans; nothing is traced unless it is asked for."""
    async with collecting() as collector:
        tracing = OtlpTracing("searcher", collector.endpoint, share=0.0)
        service = FakeShardService(work=work)
        async with (
            guarded(service, tracing, access_file=trust.access) as served,
            channel_to(f"127.0.0.1:{served.port}") as channel,
        ):
            stub = shard_pb2_grpc.ShardServiceStub(channel)
            for metadata in calls:
                await outcome(stub.Search(shard_pb2.SearchRequest(), timeout=5, metadata=metadata))
        await asyncio.to_thread(tracing.close)
        return collector.spans


async def nothing() -> None:
    """Work that is done at once."""


async def test_only_who_is_let_in_can_have_a_call_traced(trust: Trust) -> None:
    """Strangers could fill a collector, or write into anybody's trace."""
    spans = await spans_of(trust, nothing, (SAMPLED,), (SAMPLED, WRONG), (SAMPLED, RIGHT), (RIGHT,))
    assert [(each.trace_id, each.failure) for each in spans] == [(TRACE, "")]


@pytest.mark.parametrize(("length", "carried"), [(512, True), (513, False)])
async def test_what_a_caller_says_of_its_trace_is_carried_on_within_bounds(
    trust: Trust, length: int, *, carried: bool
) -> None:
    """With eight kilobytes of it our own calls would be refused, each as if a searcher was lost."""
    heads = []

    async def call_on() -> None:
        with span("shard", calls=True) as step:
            heads.append(dict(trace_headers(step) or ()))

    members = ",".join(f"{key}=" + "v" * 200 for key in "klm")
    state = ("tracestate", members[:length])
    await spans_of(trust, call_on, (SAMPLED, state, RIGHT))
    [head] = heads
    assert TRACE in head["traceparent"]
    assert head.get("tracestate") == (state[1] if carried else None)


async def test_a_span_says_what_went_wrong(trust: Trust) -> None:
    """As the answer does: code, reason and text."""

    async def refuse() -> None:
        raise Overloaded("too much at once")

    [failed] = await spans_of(trust, refuse, (SAMPLED, RIGHT))
    assert failed.failure == "RESOURCE_EXHAUSTED OVERLOADED: too much at once"
