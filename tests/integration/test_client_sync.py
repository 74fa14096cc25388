"""The client for callers without an event loop, against a real gRPC server."""

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from services.client import (
    Health,
    SyncAisleClient,
)
from services.common.errors import (
    ImageUnreadable,
    Unavailable,
)
from tests.support.fake_gateway import FakeGateway, photos, serving


@pytest.fixture
def gateway() -> FakeGateway:
    return FakeGateway()


@pytest.fixture
async def target(gateway: FakeGateway) -> AsyncIterator[str]:
    async with serving(gateway) as address:
        yield address


class TestSync:
    async def test_callers_without_a_loop_get_the_same(self, target: str) -> None:
        """One call, a stream, the catalogue, health and errors, from a thread that has no event loop."""

        def use() -> None:
            with SyncAisleClient(target) as client:
                assert client.search(b"p1", top_k=2).hits[0].product_id == "p1"
                names = {outcome.request_id for outcome in client.search_many(photos(*"abc"), in_flight=2)}
                assert names == {"0-a", "1-b", "2-c"}
                assert len(client.catalog().categories) == 2_345
                assert client.health() is Health.SERVING
                with pytest.raises(ImageUnreadable):
                    client.search(b"unreadable")

        await asyncio.to_thread(use)
        assert "aisle-client" not in {thread.name for thread in threading.enumerate()}

    async def test_leaving_the_iteration_early_and_closing_twice_is_fine(self, target: str) -> None:
        """A caller may stop in the middle of many photos."""

        def use() -> None:
            client = SyncAisleClient(target)
            for outcome in client.search_many(photos(*"abcdef"), in_flight=2):
                assert outcome.result
                break
            client.close()
            client.close()

        await asyncio.to_thread(use)

    @pytest.mark.parametrize("use", ["one", "many"])
    async def test_callers_that_wait_when_it_is_closed_are_told(
        self, target: str, gateway: FakeGateway, use: str
    ) -> None:
        """Another thread closes the client: who waits for an answer gets an error, soon, and so does who asks later."""
        client = SyncAisleClient(target)

        def wait() -> object:
            if use == "one":
                return client.search(b"slow", timeout_seconds=30)
            return list(client.search_many(photos("slow"), timeout_seconds=30))

        waiting = asyncio.create_task(asyncio.to_thread(wait))
        async with asyncio.timeout(5):
            await gateway.slow_arrived.wait()
            await asyncio.to_thread(client.close)
            with pytest.raises(Unavailable, match="closed before the answer"):
                await waiting
        with pytest.raises(Unavailable, match="is closed"):
            wait()

    async def test_an_iteration_may_outlive_the_client(self, target: str) -> None:
        """Going on raises, and dropping it is quiet."""

        def use() -> None:
            with SyncAisleClient(target) as client:
                going_on, dropped = (client.search_many(photos(*"abc"), in_flight=1) for _ in range(2))
                assert next(going_on).result
                assert next(dropped).result
            with pytest.raises(Unavailable, match="is closed"):
                next(going_on)
            dropped.close()  # type: ignore[attr-defined]  # an iterator that is a generator

        await asyncio.to_thread(use)
