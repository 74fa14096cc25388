"""Metrics for Prometheus: an HTTP server of its own, beside gRPC."""

from prometheus_client import CollectorRegistry, start_http_server

from services.common.errors import SettingsInvalid


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
            self._server, self._thread = start_http_server(port, host, registry)
        except OSError:
            raise SettingsInvalid(
                f"can't bind {host}:{port} for metrics: another process has the port, or the address is not ours",
                field="metrics_port",
            ) from None

    @property
    def port(self) -> int:
        """The port that was bound."""
        return self._server.server_port

    def close(self) -> None:
        """Stop serving and free the port; takes up to half a second."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
