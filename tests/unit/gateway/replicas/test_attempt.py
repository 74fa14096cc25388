"""One call to one replica: counted as long as it runs, and no longer."""

import asyncio
import gc

import pytest

from services.common.errors import Unavailable
from services.gateway.replicas.attempt import Attempt
from services.gateway.replicas.choosing import Replica
from tests.support.gateway import until


async def nobody(target: str) -> str:
    """Answer no call."""
    raise Unavailable(f"{target} is gone")


async def test_a_call_that_is_cancelled_before_it_began_is_counted_no_more() -> None:
    """Its task never gets to the code that would say so."""
    replica = Replica("a")
    task = Attempt(replica, nobody, asyncio.get_running_loop().time, late_is_lost=True).begin()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert replica.in_flight == 0


async def test_what_fails_when_nobody_waits_for_it_fails_in_silence() -> None:
    """An error that nobody reads would be logged by asyncio as a defect."""
    complaints = list[object]()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    task = Attempt(Replica("a"), nobody, asyncio.get_running_loop().time, late_is_lost=True).begin()
    await until(task.done)
    await asyncio.sleep(0)
    del task
    gc.collect()
    asyncio.get_running_loop().set_exception_handler(None)
    assert complaints == []
