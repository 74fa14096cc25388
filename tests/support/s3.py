"""An S3-compatible server of this machine, from PyPI, and roots in it."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from tests.support.triton import free_port

_START_SECONDS = 30


@contextmanager
def s3_server() -> Iterator[str]:
    """Run a server; while the block lasts, the environment leads every S3 client of this process to it.

    Yields:
        Its address.
    """
    pytest.importorskip("moto", reason="moto is not installed: no S3 server to test with")
    pytest.importorskip("s3fs", reason="s3fs is not installed: fsspec can't reach S3")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(url, server)
        with _leading_to(url):
            yield url
    finally:
        server.kill()
        server.wait()


@contextmanager
def mute_storage() -> Iterator[None]:
    """Let every S3 client meet a server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server, _leading_to(f"http://127.0.0.1:{server.getsockname()[1]}"):
        yield


class _HalfAnswers(BaseHTTPRequestHandler):
    """Answers every question with half of what it promises."""

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "30")
        self.end_headers()

    def do_GET(self) -> None:
        self.do_HEAD()
        self.wfile.write(b"20260131T120000")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def cutting_storage() -> Iterator[None]:
    """Let every S3 client meet a server whose connections break in the middle of each answer."""
    with _storage(_HalfAnswers):
        yield


@contextmanager
def stalling_storage() -> Iterator[threading.Event]:
    """Let every S3 client meet a server that falls silent in the middle of each answer; set when it does."""
    silent, over = threading.Event(), threading.Event()

    class Stalling(_HalfAnswers):
        def do_GET(self) -> None:
            super().do_GET()
            silent.set()
            over.wait()

    with _storage(Stalling):
        try:
            yield silent
        finally:
            over.set()


@contextmanager
def _storage(handler: type[BaseHTTPRequestHandler]) -> Iterator[None]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        with _leading_to(f"http://127.0.0.1:{server.server_port}"):
            yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def _leading_to(url: str) -> Iterator[None]:
    """Lead the S3 clients of this process, and of those that it starts, to a server."""
    places = {"AWS_ENDPOINT_URL": url, "AWS_DEFAULT_REGION": "us-east-1"}
    keys = {"AWS_ACCESS_KEY_ID": "aisle", "AWS_SECRET_ACCESS_KEY": "aisle"}
    with pytest.MonkeyPatch.context() as environment:
        for name, value in {**places, **keys}.items():
            environment.setitem(os.environ, name, value)
        _forget_connections()
        try:
            yield
        finally:
            _forget_connections()


def _forget_connections() -> None:
    """Let roots connect to where the environment leads now: fsspec keeps one connection per kind of storage."""
    s3fs = pytest.importorskip("s3fs")
    s3fs.S3FileSystem.clear_instance_cache()


def _wait_for(url: str, server: "subprocess.Popen[bytes]") -> None:
    give_up_at = time.monotonic() + _START_SECONDS
    while True:
        assert server.poll() is None, "the S3 server has ended"
        try:
            with urlopen(url, timeout=5):
                return
        except (URLError, ConnectionError, TimeoutError):
            assert time.monotonic() < give_up_at, "the S3 server does not answer"
            time.sleep(0.05)
