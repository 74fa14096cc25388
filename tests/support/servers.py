"""Services on real gRPC servers inside the test's process, on ports that the system chooses."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc.aio
from grpc_health.v1 import health_pb2_grpc

from services.common.channels import channel_options, server_options
from services.common.health import HealthServicer
from services.common.interceptors import ErrorInterceptor
from services.common.lifecycle import Service
from services.common.observing import ObservingInterceptor


@asynccontextmanager
async def serving(service: Service, port: int = 0) -> AsyncIterator[str]:
    """Start a service as the lifecycle does, but without signals, and yield its address; port 0: the system chooses."""
    observing = ObservingInterceptor(service.calls)
    server = grpc.aio.server(options=server_options(), interceptors=(observing, ErrorInterceptor(lambda: True)))
    service.register(server)
    health = HealthServicer(service.names)
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    port = server.add_insecure_port(f"127.0.0.1:{port}")
    try:
        await service.start()
        await server.start()
        health.say(is_serving=True)
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(grace=5)
        await service.close()


def channel_to(address: str) -> grpc.aio.Channel:
    """Return a channel with the options that every client uses."""
    return grpc.aio.insecure_channel(address, options=channel_options())
