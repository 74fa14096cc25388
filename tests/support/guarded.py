"""A service as its process runs it, with certificates, an access file and whoever may call, in the test's process."""

import asyncio
import os
import signal
import tempfile
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc.aio
from aisle.shard.v1 import shard_pb2, shard_pb2_grpc
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from services.benchmarks.security.authority import Authority
from services.common.call_metrics import CallMetrics
from services.common.channels import channel_options
from services.common.lifecycle import ServerSettings, run
from services.common.security.credentials import PLAIN, Credentials
from services.common.security.dialling import Dialler
from services.common.security.tokens import digest_of
from services.common.tracing import Tracing
from tests.support.fake_shard_service import FakeShardService

Log = list[MutableMapping[str, Any]]


class Trust:
    """An authority, a server's certificate of it, and an access file.

    The shop has the token "right" and may search, the watcher has the token "watch" and may operate, and the gateway
    has a certificate and may search.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = Authority()
        self.ca = self.authority.write(folder / "ca.pem")
        self.server = self.authority.issue(folder, "server")
        self.access = folder / "access.yaml"
        self.access.write_text(f"""
            callers:
              - {{name: shop, tokens: ["{digest_of("right")}"], rights: [search]}}
              - {{name: watcher, tokens: ["{digest_of("watch")}"], rights: [operate]}}
              - {{name: gateway, certificates: [gateway], rights: [search]}}
        """)

    @property
    def tls(self) -> dict[str, Any]:
        """A server's settings for TLS."""
        return {"tls_certificate": self.server.certificate, "tls_key": self.server.key}

    @property
    def mutual_tls(self) -> dict[str, Any]:
        """Those of one that asks for certificates."""
        return {**self.tls, "tls_client_ca": self.ca}

    def token(self, word: str) -> Credentials:
        """Return the credentials of a caller with a token."""
        file = self.folder / f"{word}.token"
        file.write_text(word)
        return Credentials(tls_ca=self.ca, token_file=file)

    def certificate(self, name: str, authority: Authority | None = None, **validity: Any) -> Credentials:
        """Return the credentials of a caller with a certificate, of this authority or another."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        identity = (authority or self.authority).issue(folder, name, **validity)
        return Credentials(tls_ca=self.ca, tls_certificate=identity.certificate, tls_key=identity.key)


class Guarded:
    """A service that serves, and what it counted and logged."""

    def __init__(self, port: int, registry: CollectorRegistry, log: Log) -> None:
        self.port = port
        self._registry = registry
        self.log = log

    def open(self, credentials: Credentials = PLAIN, port: int | None = None) -> grpc.aio.Channel:
        """Return a channel to it."""
        return Dialler(credentials).open(f"127.0.0.1:{port or self.port}", channel_options())

    async def search(self, credentials: Credentials = PLAIN, port: int | None = None) -> str:
        """Return the status code of a search by a new connection."""
        async with self.open(credentials, port) as channel:
            return await outcome(shard_pb2_grpc.ShardServiceStub(channel).Search(shard_pb2.SearchRequest(), timeout=5))

    def callers(self) -> dict[tuple[str, str], float]:
        """Return the calls by caller and outcome, those that there were."""
        return {
            (sample.labels["caller"], sample.labels["outcome"]): sample.value
            for metric in self._registry.collect()
            for sample in metric.samples
            if sample.name == "aisle_searcher_callers_total" and sample.value
        }

    def value(self, name: str, **labels: str) -> float:
        """Return what a metric says."""
        found = self._registry.get_sample_value(name, labels)
        assert found is not None
        return found

    async def logged(self, event: str, **facts: object) -> MutableMapping[str, Any]:
        """Wait until an event is logged, with these facts among others."""
        return await _logged(self.log, event, **facts)


async def outcome(call: Any) -> str:
    """Return the name of the status code that a call ends with."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return error.code().name
    return "OK"


@asynccontextmanager
async def guarded(
    service: FakeShardService | None = None, tracing: Tracing | None = None, /, **settings: object
) -> AsyncIterator[Guarded]:
    """Run a service with these settings until the context ends."""
    service, registry = service or FakeShardService(), CollectorRegistry()
    descriptor = shard_pb2.DESCRIPTOR.services_by_name["ShardService"]
    service.calls = CallMetrics(registry, "searcher", descriptor)
    with capture_logs() as log:
        read = ServerSettings.model_validate({"drain_seconds": 0.0, **settings})
        running = asyncio.create_task(run(service, read, tracing))
        try:
            serving = await _logged(log, "serving")
            yield Guarded(serving["port"], registry, log)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            await running


async def _logged(log: Log, event: str, **facts: object) -> MutableMapping[str, Any]:
    async with asyncio.timeout(10):
        while True:
            for line in log:
                if line["event"] == event and facts.items() <= line.items():
                    return line
            await asyncio.sleep(0.005)
