"""What mutual TLS and a caller's rights add to one hop: `python -m services.benchmarks.security.hop`."""

import asyncio
import statistics
import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from aisle.shard.v1 import shard_pb2, shard_pb2_grpc

from services.benchmarks.security.authority import Authority
from services.benchmarks.security.echo import echo
from services.common.channels import channel_options
from services.common.security.credentials import PLAIN, Credentials
from services.common.security.dialling import Dialler

_PHOTO_BYTES: Final = 100_000
"""The largest message of a search but the pixels, of which Triton gets half as much again."""
_CALLS: Final = 4_000
_BLOCK: Final = 50
_TIMEOUT_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class HopCost:
    """Two ways over loopback from one process to another, one call at a time.

    Attributes:
        plain_p50_ms: without TLS.
        tls_p50_ms: with certificates on both sides, and an access file that knows the caller's.
        calls: of each.
    """

    plain_p50_ms: float
    tls_p50_ms: float
    calls: int

    @property
    def added_ms(self) -> float:
        """What the second one takes longer at the median."""
        return self.tls_p50_ms - self.plain_p50_ms


async def hop_cost(folder: Path, *, calls: int = _CALLS, message_bytes: int = _PHOTO_BYTES) -> HopCost:
    """Measure both in turns, so that what else the machine does meets both.

    Args:
        folder: for certificates and logs.
        calls: of each.
        message_bytes: size of the request; the answer is a few bytes.
    """
    authority = Authority()
    ca, access = authority.write(folder / "ca.pem"), folder / "access.yaml"
    server, client = authority.issue(folder, "searcher"), authority.issue(folder, "gateway")
    access.write_text("callers: [{name: gateway, certificates: [gateway], rights: [search]}]\n")
    shown = Credentials(tls_ca=ca, tls_certificate=client.certificate, tls_key=client.key)
    asked = {
        "tls_certificate": server.certificate,
        "tls_key": server.key,
        "tls_client_ca": ca,
        "access_file": access,
    }
    async with AsyncExitStack() as stack:
        ways = [
            (await stack.enter_async_context(echo(folder, "plain")), PLAIN),
            (await stack.enter_async_context(echo(folder, "tls", **asked)), shown),
        ]
        stubs: list[Any] = []
        for address, credentials in ways:
            channel = await stack.enter_async_context(Dialler(credentials).open(address, channel_options()))
            stubs.append(shard_pb2_grpc.ShardServiceStub(channel))
        request = shard_pb2.SearchRequest(query_vectors=bytes(message_bytes))
        for stub in stubs:
            await _block(stub, request)  # connected and warm
        times: list[list[float]] = [[] for _ in stubs]
        for _ in range(calls // _BLOCK):
            for stub, so_far in zip(stubs, times, strict=True):
                so_far.extend(await _block(stub, request))
    plain, tls = (statistics.median(taken) * 1000 for taken in times)
    return HopCost(plain, tls, len(times[0]))


async def _block(stub: Any, request: shard_pb2.SearchRequest) -> list[float]:
    taken = []
    for _ in range(_BLOCK):
        began = time.perf_counter()
        await stub.Search(request, timeout=_TIMEOUT_SECONDS)
        taken.append(time.perf_counter() - began)
    return taken


async def _main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for message_bytes in (2_000, _PHOTO_BYTES):
            cost = await hop_cost(Path(folder), message_bytes=message_bytes)
            print(  # noqa: T201 - what it is run for
                f"{message_bytes:,} bytes: p50 {cost.plain_p50_ms:.3f} ms without TLS, {cost.tls_p50_ms:.3f} ms with "
                f"it: {cost.added_ms:+.3f} ms ({cost.calls:,} calls each)"
            )


if __name__ == "__main__":
    asyncio.run(_main())
