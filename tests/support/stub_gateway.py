"""A gateway that does nothing but answer, as a process of its own: what a load generator is tested against.

`python tests/support/stub_gateway.py --answer-ms 10` writes the port that it serves on, and ends when its input does.
"""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
from aisle.search.v1 import search_pb2, search_pb2_grpc

from services.common.channels import server_options
from services.common.errors import Overloaded
from services.common.status import trailing_metadata
from services.loadtest.pacing import precise_loop

ROOT = Path(__file__).parents[2]


class Stub(search_pb2_grpc.SearchServiceServicer):
    """Answers every photo alike after a time.

    With `most`, photos beyond so many at a time are refused; with `workers`, so many are worked on at a time, and the
    others wait.
    """

    def __init__(self, answer_seconds: float, workers: int, most: int, token: str) -> None:
        self._seconds = answer_seconds
        self._workers = asyncio.Semaphore(workers)
        self._most = most
        self._token = token
        self._here = 0
        self._answer = search_pb2.SearchResponse(
            hits=[search_pb2.Hit(product_id="shoe-1", category="shoes"), search_pb2.Hit(product_id="shoe-2")],
            coverage=search_pb2.Coverage(share=1.0, planned_share=1.0),
            timings=[search_pb2.StageTiming(stage=stage) for stage in ("decode", "total")],
            rung=search_pb2.Rung.RUNG_FULL,
        )
        self._answer.timings[1].duration.FromNanoseconds(round(answer_seconds * 1e9))

    async def Search(  # noqa: N802 - gRPC's name
        self, _request: search_pb2.SearchRequest, context: Any
    ) -> search_pb2.SearchResponse:
        await self._let_in(context)
        if self._here >= self._most:
            error = Overloaded("full", retry_after_seconds=1.0)
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, error.message, trailing_metadata(error))
        self._here += 1
        try:
            async with self._workers:
                await asyncio.sleep(self._seconds)
        finally:
            self._here -= 1
        return self._answer

    async def GetCatalog(  # noqa: N802 - gRPC's name
        self, _request: search_pb2.GetCatalogRequest, context: Any
    ) -> search_pb2.GetCatalogResponse:
        await self._let_in(context)
        return search_pb2.GetCatalogResponse(
            categories=[search_pb2.CatalogCategory(category="shoes", products=2)],
            snapshot_id="snapshot-1",
            models=[search_pb2.ModelVersion(name="embedder", version="stub")],
        )

    async def _let_in(self, context: Any) -> None:
        if self._token and ("authorization", f"Bearer {self._token}") not in tuple(context.invocation_metadata()):
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "no token that we know")


async def _serve(options: argparse.Namespace) -> None:
    server = grpc.aio.server(options=server_options())
    stub = Stub(options.answer_ms / 1000, options.workers, options.most, options.token)
    search_pb2_grpc.add_SearchServiceServicer_to_server(stub, server)
    if options.certificate:
        pair = (options.key.read_bytes(), options.certificate.read_bytes())
        credentials = grpc.ssl_server_credentials([pair])
        port = server.add_secure_port("127.0.0.1:0", credentials)
    else:
        port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    await server.stop(grace=None)


@dataclass(frozen=True)
class RunningStub:
    """A stub that serves.

    Attributes:
        target: its `host:port`.
        pid: its process id.
    """

    target: str
    pid: int

    async def stand_still(self, seconds: float) -> None:
        """Stop the whole process for a time."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            os.kill(self.pid, signal.SIGCONT)


@asynccontextmanager
async def stub_gateway(*options: str) -> AsyncIterator[RunningStub]:
    """Start a stub with these options, and end it."""
    command: Sequence[str] = (sys.executable, __file__, *options)
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))},
    )
    try:
        assert process.stdout is not None
        yield RunningStub(f"127.0.0.1:{int(await process.stdout.readline())}", process.pid)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answer-ms", type=float, default=10.0)
    parser.add_argument("--workers", type=int, default=100_000)
    parser.add_argument("--most", type=int, default=100_000)
    parser.add_argument("--token", default="")
    parser.add_argument("--certificate", type=Path)
    parser.add_argument("--key", type=Path)
    with asyncio.Runner(loop_factory=precise_loop) as runner:
        runner.run(_serve(parser.parse_args()))
