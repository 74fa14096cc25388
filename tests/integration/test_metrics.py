"""The HTTP server that shows metrics to Prometheus."""

import asyncio
import socket
import threading
import urllib.request
from contextlib import ExitStack
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter

from services.common.errors import SettingsInvalid
from services.common.metrics import Exposition
from tests.support.cluster import publish
from tests.support.processes import started
from tests.support.triton import free_port


def test_metrics_are_shown_until_the_end() -> None:
    """What is counted is shown; a port that is taken is said; after the end it is free again."""
    registry = CollectorRegistry()
    Counter("aisle_test_photos", "Photos.", registry=registry).inc(3)
    exposition = Exposition(registry, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{exposition.port}/metrics"
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            assert b"aisle_test_photos_total 3.0" in response.read()
        with pytest.raises(SettingsInvalid, match=str(exposition.port)) as refused:
            Exposition(registry, "127.0.0.1", exposition.port)
        assert refused.value.field == "metrics_port"
    finally:
        exposition.close()
    Exposition(registry, "127.0.0.1", exposition.port).close()


def test_requests_that_are_left_half_sent_keep_nobody_out() -> None:
    """Of many the oldest are ended, so that they hold a few threads, and Prometheus is answered all the same."""
    exposition = Exposition(CollectorRegistry(), "127.0.0.1", 0)
    before = threading.active_count()
    address = ("127.0.0.1", exposition.port)
    with ExitStack() as stack:
        for _ in range(100):
            left = stack.enter_context(socket.create_connection(address, timeout=5))
            left.sendall(b"GET /metrics HTTP/1.1\r\nHost:")
        with urllib.request.urlopen(f"http://127.0.0.1:{exposition.port}/metrics", timeout=5) as response:
            assert response.status == 200
        assert threading.active_count() - before <= 20
    exposition.close()


async def test_they_may_be_at_an_address_that_callers_do_not_reach(tmp_path: Path) -> None:
    """What a process shows tells categories and callers: not everybody who may call should read it."""
    port, root = free_port(), publish(tmp_path).root
    argv = ("--snapshot-root", str(root), "--metrics-host", "127.0.0.2", "--metrics-port", str(port))
    async with started("searcher", *argv) as searcher:
        assert (await searcher.logged("serving"))["host"] == "127.0.0.1"
        assert await asyncio.to_thread(_is_open, "127.0.0.2", port)
        assert not await asyncio.to_thread(_is_open, "127.0.0.1", port)


def _is_open(host: str, port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://{host}:{port}/metrics", timeout=5) as response:
            return b"aisle_searcher_shards" in response.read()
    except OSError:
        return False
