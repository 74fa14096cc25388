"""An OpenTelemetry collector in the test's process: a real gRPC server that keeps the spans it is sent."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc.aio
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1 import trace_pb2


@dataclass(frozen=True, slots=True)
class Seen:
    """A span.

    Attributes:
        service: the process that made it.
        name: what it is.
        trace_id: hexadecimal.
        span_id: hexadecimal.
        parent_id: hexadecimal; empty for the first one of a trace.
        seconds: how long it took.
        failure: what went wrong; empty for nothing.
        attributes: what else is known.
    """

    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    seconds: float
    failure: str
    attributes: dict[str, Any]


@dataclass
class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """Keeps spans.

    Attributes:
        endpoint: its URL.
        spans: all that came.
    """

    endpoint: str = ""
    spans: list[Seen] = field(default_factory=list)

    async def Export(  # noqa: N802
        self, request: trace_service_pb2.ExportTraceServiceRequest, _context: Any
    ) -> trace_service_pb2.ExportTraceServiceResponse:
        """Keep what was sent."""
        for resource in request.resource_spans:
            service = _attributes(resource.resource.attributes)["service.name"]
            self.spans += [_seen(service, each) for scope in resource.scope_spans for each in scope.spans]
        return trace_service_pb2.ExportTraceServiceResponse()

    async def until(self, holds: Callable[[list[Seen]], bool], timeout_seconds: float = 10.0) -> list[Seen]:
        """Wait for spans, which processes send once a second, and return all that came."""
        async with asyncio.timeout(timeout_seconds):
            while not holds(self.spans):  # noqa: ASYNC110 - any condition, so there is no event for it
                await asyncio.sleep(0.02)
        return self.spans


@asynccontextmanager
async def collecting() -> AsyncIterator[Collector]:
    """Run a collector for the time of the context."""
    server, collector = grpc.aio.server(), Collector()
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(collector, server)
    collector.endpoint = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    try:
        yield collector
    finally:
        await server.stop(grace=None)


def _seen(service: str, span: trace_pb2.Span) -> Seen:
    return Seen(
        service=service,
        name=span.name,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        seconds=(span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
        failure=span.status.message or ("unknown" if span.status.code == trace_pb2.Status.STATUS_CODE_ERROR else ""),
        attributes=_attributes(span.attributes),
    )


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}
