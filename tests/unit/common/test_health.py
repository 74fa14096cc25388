"""Whether a process serves: everybody who watches hears of each change, whoever else stops watching."""

import asyncio
from typing import Any

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from services.common.health import HealthServicer
from tests.support.clocks import settled

SERVING, NOT_SERVING, SERVICE_UNKNOWN = (
    HealthCheckResponse.SERVING,
    HealthCheckResponse.NOT_SERVING,
    HealthCheckResponse.SERVICE_UNKNOWN,
)


class FakeContext:
    """Notes what is written, and ends the call when it is aborted."""

    def __init__(self) -> None:
        self.told: list[int] = []

    async def write(self, response: HealthCheckResponse) -> None:
        """Note it."""
        self.told.append(response.status)

    async def abort(self, code: grpc.StatusCode, details: str) -> None:
        """Raise."""
        raise LookupError(code, details)


class Watcher:
    """Watches a service until it goes."""

    def __init__(self, health: HealthServicer, service: str = "shards") -> None:
        context: Any = FakeContext()
        self.context = context
        self.task = asyncio.create_task(health.Watch(HealthCheckRequest(service=service), context))

    async def goes(self) -> None:
        """Hang up."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


@pytest.fixture
async def health() -> HealthServicer:
    """Of a process with one service."""
    return HealthServicer(["shards"])


@pytest.mark.parametrize("service", ["", "shards"])
async def test_it_serves_when_it_is_said(health: HealthServicer, service: str) -> None:
    """Not before: gRPC's own would begin with SERVING."""
    context: Any = FakeContext()
    assert (await health.Check(HealthCheckRequest(service=service), context)).status == NOT_SERVING
    health.say(is_serving=True)
    assert (await health.Check(HealthCheckRequest(service=service), context)).status == SERVING


async def test_another_service_is_not_here(health: HealthServicer) -> None:
    """Who asks is told by the status code, who watches by a status."""
    context: Any = FakeContext()
    with pytest.raises(LookupError, match="NOT_FOUND"):
        await health.Check(HealthCheckRequest(service="gloves"), context)
    watcher = Watcher(health, "gloves")
    await settled()
    assert watcher.context.told == [SERVICE_UNKNOWN]
    await watcher.goes()


async def test_who_watches_is_told_each_change_once(health: HealthServicer) -> None:
    """Beginning with how it is now."""
    watcher = Watcher(health)
    for is_serving in (False, True, True, False):
        health.say(is_serving=is_serving)
        await settled()
    assert watcher.context.told == [NOT_SERVING, SERVING, NOT_SERVING]
    await watcher.goes()


async def test_one_that_goes_takes_nobody_along(health: HealthServicer) -> None:
    """Of two gateways one restarts; the other must hear all the same that this searcher drains."""
    health.say(is_serving=True)
    leaving, staying = Watcher(health), Watcher(health)
    await settled()
    await leaving.goes()
    health.say(is_serving=False)
    await settled()
    assert staying.context.told == [SERVING, NOT_SERVING]
    assert not health._watching - {next(iter(health._watching))}
    await staying.goes()
    assert not health._watching
