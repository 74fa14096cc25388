"""What every gRPC process counts: its calls by method and status code, how late its event loop is, what it uses."""

from typing import Final

from google.protobuf.descriptor import ServiceDescriptor
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from services.common.children import Children
from services.common.security.access import NOBODY

SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
"""Buckets of whatever answers wait for; 0.25 s is what the objectives are about."""
_LAG_SECONDS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0)
_FROM_THE_START: Final = ("OK", "INTERNAL", "UNKNOWN")
"""Codes that are counted from zero: a counter that begins with its first event has no rate then, and a first defect
would raise no alert."""
_MOST_CALLERS: Final = 100
"""With figures of their own, first come, first served; the others share those of "other"."""


class CallMetrics:
    """Calls, the event loop, and the process itself; a `services.common.observing.CallRecord`."""

    def __init__(self, registry: CollectorRegistry, process: str, service: ServiceDescriptor) -> None:
        """Add them to the registry.

        Args:
            registry: where.
            process: the kind of process, which is part of their names.
            service: the gRPC service; of its streams it is not told how long they last, for that says nothing.
        """
        calls = Counter(
            f"aisle_{process}_rpcs", "Calls by method and status code.", ("method", "code"), registry=registry
        )
        seconds = Histogram(
            f"aisle_{process}_rpc_seconds",
            "From a call's coming to its end, whatever that was.",
            ("method",),
            buckets=SECONDS,
            registry=registry,
        )
        self._loop_lag = Histogram(
            f"aisle_{process}_loop_lag_seconds",
            "How late the event loop comes to what is due.",
            buckets=_LAG_SECONDS,
            registry=registry,
        )
        callers = Counter(
            f"aisle_{process}_callers",
            "Calls by who makes them, by whether they are admitted or why not; where there is an access file.",
            ("caller", "outcome"),
            registry=registry,
        )
        self._handshakes = Counter(
            f"aisle_{process}_tls_handshakes",
            "TLS handshakes that began; one that fails has no call.",
            registry=registry,
        )
        self._certificate = Gauge(
            f"aisle_{process}_certificate_expires_seconds",
            "When the certificate expires, in seconds since 1970; 0 without TLS.",
            registry=registry,
        )
        ProcessCollector(registry=registry)
        self._callers = Children[tuple[str, str], Counter](callers, lambda key: key, most=_MOST_CALLERS + 1)
        self._callers[NOBODY, "unauthenticated"]  # is the one besides them, whoever calls first
        self._calls = Children[tuple[str, str], Counter](calls, lambda key: key)
        self._seconds = {
            method.name: seconds.labels(method.name) for method in service.methods if not method.client_streaming
        }
        for method in service.methods:
            for code in _FROM_THE_START:
                self._calls[method.name, code]

    def called(self, method: str, code: str, seconds: float) -> None:
        """Count a call."""
        self._calls[method, code].inc()
        timed = self._seconds.get(method)
        if timed is not None:
            timed.observe(seconds)

    def came(self, caller: str, outcome: str) -> None:
        """Count a call by who makes it."""
        self._callers[caller, outcome].inc()

    def handshake(self) -> None:
        """Count a TLS handshake that begins; may be called in any thread."""
        self._handshakes.inc()

    def certificate(self, not_after: float) -> None:
        """Note when the server's certificate expires, in seconds since 1970."""
        self._certificate.set(not_after)

    def loop_lag(self, seconds: float) -> None:
        """Note how late the event loop was."""
        self._loop_lag.observe(seconds)
