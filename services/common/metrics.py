"""Metrics for Prometheus: an HTTP server of its own, beside gRPC."""

import socket
import threading
from contextlib import suppress
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

from services.common.errors import SettingsInvalid

_PATIENCE_SECONDS: Final = 5.0
"""For the next bytes of a request, or until those of an answer are taken."""
_MOST_CONNECTIONS: Final = 16
"""Each has a thread. Two Prometheus and somebody who looks make three, for some milliseconds each."""


class Exposition:
    """Serves the metrics of one registry at `/metrics`, in a thread, until it is closed."""

    def __init__(self, registry: CollectorRegistry, host: str, port: int) -> None:
        """Bind and serve.

        Args:
            registry: what to show.
            host: address to bind.
            port: port to bind; 0 lets the system choose.

        Raises:
            SettingsInvalid: another process has the port, or the address is not ours.
        """
        try:
            server = _ServerV6 if _is_v6(host, port) else _Server
            self._server = make_server(host, port, make_wsgi_app(registry), server, _Handler)
        except OSError:
            raise SettingsInvalid(
                f"can't bind {host}:{port} for metrics: another process has the port, or the address is not ours",
                field="metrics_port",
            ) from None
        self._thread = threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """The port that was bound."""
        return self._server.server_port

    def close(self) -> None:
        """Stop serving and free the port; takes up to half a second."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(WSGIRequestHandler):
    timeout = _PATIENCE_SECONDS

    def log_message(self, *_: object) -> None:
        """Write no line for each request."""


class _Server(ThreadingWSGIServer):
    """Ends the oldest connection when there are too many: whoever leaves requests half sent keeps nobody out."""

    def __init__(self, *args: Any) -> None:
        self._open: dict[socket.socket, None] = {}
        self._lock = threading.Lock()
        super().__init__(*args)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread."""
        with self._lock:
            self._open[request] = None
            if len(self._open) > _MOST_CONNECTIONS:
                oldest = next(iter(self._open))
                del self._open[oldest]
                with suppress(OSError):  # it may have gone by itself
                    oldest.shutdown(socket.SHUT_RDWR)  # which ends its thread's wait
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """End a connection."""
        with self._lock:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Write no traceback: that somebody went away, or was sent away, is no defect."""


class _ServerV6(_Server):
    address_family = socket.AF_INET6


def _is_v6(host: str, port: int) -> bool:
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0] == socket.AF_INET6
