"""`python -m tests.support.faults.proxy`: stands before a searcher, and does to its calls what it is told.

It forwards messages as they are, byte by byte. A line of JSON on standard input sets the faults from then on:

    {"delayed_share": 0.02, "delay_seconds": 0.3, "dropped_share": 0.0, "corrupt": ""}
"""

import argparse
import asyncio
import json
import random
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import grpc
import grpc.aio
from aisle.shard.v1 import shard_pb2

from services.common.channels import channel_options, server_options

Corruption = Literal["", "not a number", "another length", "another snapshot", "torn", "unsorted"]
CORRUPTIONS: tuple[Corruption, ...] = get_args(Corruption)[1:]


@dataclass(frozen=True, slots=True)
class Faults:
    """What happens to calls.

    Attributes:
        delayed_share: share of the calls that are held up first.
        delay_seconds: for how long.
        dropped_share: share of the calls that end as if the connection had broken.
        corrupt: what is wrong with every answer; empty for nothing.
    """

    delayed_share: float = 0.0
    delay_seconds: float = 0.0
    dropped_share: float = 0.0
    corrupt: Corruption = ""


class Proxy(grpc.GenericRpcHandler):  # type: ignore[type-arg]  # generic in its stubs only
    """Handles every method by asking the searcher."""

    def __init__(self, target: str, seed: int) -> None:
        """Connect to the searcher; there are no faults yet."""
        self.faults = Faults()
        self._channel = grpc.aio.insecure_channel(target, channel_options())
        self._lot = random.Random(seed)

    def service(self, handler_call_details: Any) -> Any:
        """Return a handler that forwards bytes."""
        method = handler_call_details.method
        if method.endswith("/Watch"):  # of health, which channels look at before they send a call
            return grpc.unary_stream_rpc_method_handler(self._relaying(method))
        return grpc.unary_unary_rpc_method_handler(self._forwarding(method))

    def _relaying(self, method: str) -> Callable[[bytes, Any], AsyncIterator[bytes]]:
        call: Any = self._channel.unary_stream(method, None, None)

        async def relay(request: bytes, context: Any) -> AsyncIterator[bytes]:
            try:
                async for message in call(request):
                    yield message
            except grpc.aio.AioRpcError as error:
                await context.abort(error.code(), error.details() or "", error.trailing_metadata() or ())

        return relay

    def _forwarding(self, method: str) -> Callable[[bytes, Any], Awaitable[bytes]]:
        call: Any = self._channel.unary_unary(method, None, None)  # bytes as they are

        async def forward(request: bytes, context: Any) -> bytes:
            faults, search = self.faults, method.endswith("/Search")
            if search and self._lot.random() < faults.dropped_share:
                await context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")
            if search and self._lot.random() < faults.delayed_share:
                await asyncio.sleep(faults.delay_seconds)
            try:
                answer: bytes = await call(request, timeout=context.time_remaining())
            except grpc.aio.AioRpcError as error:
                await context.abort(error.code(), error.details() or "", error.trailing_metadata() or ())
            return corrupted(answer, faults.corrupt) if search else answer

        return forward


def corrupted(answer: bytes, how: Corruption) -> bytes:
    """Return an answer of a searcher with something wrong in it."""
    if how in {"", "torn"}:
        return answer[: len(answer) * 2 // 3] if how else answer
    message = shard_pb2.SearchResponse.FromString(answer)
    for found in message.neighbours:
        match how:
            case "not a number":
                found.similarities[:] = [float("nan")] * len(found.similarities)
            case "another length":
                found.product_ids.append("one too many")
            case "unsorted":
                found.similarities[:] = list(reversed(found.similarities))
            case _:
                message.snapshot_id = "20200101T000000Z-000000000000"
    return message.SerializeToString()


async def run(target: str, port: int, seed: int) -> None:
    """Forward until standard input ends."""
    proxy = Proxy(target, seed)
    server = grpc.aio.server(options=server_options(), handlers=(proxy,))
    if server.add_insecure_port(f"127.0.0.1:{port}") != port:
        raise SystemExit(f"port {port} is taken")
    await server.start()
    sys.stderr.write(json.dumps({"event": "serving"}) + "\n")
    sys.stderr.flush()
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        proxy.faults = Faults(**json.loads(line))
    await server.stop(None)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for name, kind in (("--target", str), ("--port", int), ("--seed", int)):
        parser.add_argument(name, type=kind, required=True)
    arguments = parser.parse_args()
    asyncio.run(run(arguments.target, arguments.port, arguments.seed))
