"""A process's metrics as a whole: one registry, what every process counts, and the port where Prometheus reads them."""

import asyncio
from contextlib import AsyncExitStack

from google.protobuf.descriptor import ServiceDescriptor
from prometheus_client import CollectorRegistry, disable_created_metrics

from services.common.call_metrics import CallMetrics
from services.common.loop_lag import LoopLag
from services.common.metrics import Exposition
from services.common.telemetry import get_logger

_log = get_logger()


class ProcessMetrics:
    """Where a process counts. Without a port nobody could read it, so nothing is counted.

    Attributes:
        registry: for what only this kind of process counts.
        calls: what every process counts; None without a port.
    """

    def __init__(self, process: str, service: ServiceDescriptor, host: str, port: int) -> None:
        """Create it; the port is not bound yet.

        Args:
            process: the kind of process, which is part of the metrics' names.
            service: the gRPC service whose methods are counted.
            host: address to bind.
            port: port to bind; 0 for none.
        """
        # When each series was made: half as many again, and nobody asks for it.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the only one there that has no annotations
        self.registry = CollectorRegistry()
        self.calls = CallMetrics(self.registry, process, service) if port else None
        self._host = host
        self._port = port

    async def expose(self, resources: AsyncExitStack) -> None:
        """Serve them and watch the event loop, until the resources are closed.

        Raises:
            SettingsInvalid: the port can't be bound.
        """
        if self.calls is None:
            return
        exposition = await asyncio.to_thread(Exposition, self.registry, self._host, self._port)
        resources.push_async_callback(asyncio.to_thread, exposition.close)
        resources.push_async_callback(LoopLag(self.calls.loop_lag).close)
        _log.info("metrics", host=self._host, port=self._port)
