"""What is out of use is closed after its grace, and all of it at the end, even what has only just come."""

import asyncio

from services.common.retiring import Retiring


async def test_it_is_closed_after_its_grace_and_not_before() -> None:
    """Calls that it still has go on meanwhile."""
    closed = asyncio.Event()

    async def close() -> None:
        closed.set()

    retiring = Retiring(0.05)
    retiring.retire(close)
    await asyncio.sleep(0.01)
    assert not closed.is_set()
    await asyncio.wait_for(closed.wait(), 2.0)


async def test_what_nobody_called_by_is_closed_at_once() -> None:
    """There is nothing to wait for."""
    closed = asyncio.Event()

    async def close() -> None:
        closed.set()

    retiring = Retiring(60.0)
    retiring.retire(close, had_calls=False)
    await asyncio.wait_for(closed.wait(), 2.0)


async def test_at_the_end_nothing_stays_open() -> None:
    """Not even what was retired in the same moment, and one that can't be closed keeps no other open."""
    closed = []

    async def refuse() -> None:
        raise RuntimeError("gone already")

    async def close() -> None:
        closed.append(1)

    retiring = Retiring(60.0)
    retiring.retire(refuse)
    retiring.retire(close)
    await retiring.close()
    assert closed == [1]
