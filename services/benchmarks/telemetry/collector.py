"""A collector that counts the spans it is sent and forgets them: what is measured must not wait for a missing one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc.aio
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc


class CountingCollector(trace_service_pb2_grpc.TraceServiceServicer):
    """The service that OTLP speaks to.

    Attributes:
        endpoint: its URL.
        spans: how many came.
    """

    def __init__(self) -> None:
        """Create it; it has no address before it serves."""
        self.endpoint = ""
        self.spans = 0

    async def Export(  # noqa: N802 - named by the proto
        self, request: trace_service_pb2.ExportTraceServiceRequest, _context: Any
    ) -> trace_service_pb2.ExportTraceServiceResponse:
        """Count what was sent."""
        self.spans += sum(len(scope.spans) for resource in request.resource_spans for scope in resource.scope_spans)
        return trace_service_pb2.ExportTraceServiceResponse()


@asynccontextmanager
async def collecting() -> AsyncIterator[CountingCollector]:
    """Serve one on a free port of loopback for the time of the context."""
    server, collector = grpc.aio.server(), CountingCollector()
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(collector, server)
    collector.endpoint = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    try:
        yield collector
    finally:
        await server.stop(grace=None)
