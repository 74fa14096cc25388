"""Work in the background goes on after an error that nobody foresaw, and says so once."""

import asyncio

from structlog.testing import capture_logs

from services.common.periodic import again_and_again
from tests.support.virtual_time import run_virtually


def test_an_error_is_said_once_until_the_work_succeeds_again() -> None:
    """A log that says the same each second hides what else there is."""
    outcomes = iter([None, KeyError("x"), KeyError("x"), None, ValueError("y"), None])
    turns = list[float]()

    async def work() -> None:
        turns.append(asyncio.get_running_loop().time())
        error = next(outcomes, None)
        if error is not None:
            raise error

    async def play() -> None:
        working = asyncio.create_task(again_and_again("looking", work, 2.0))
        await asyncio.sleep(11.0)
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        assert working.cancelled()

    with capture_logs() as log:
        run_virtually(play())
    assert [turn - turns[0] for turn in turns] == [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]
    assert [(line["event"], line["work"]) for line in log] == [("background_work_failed", "looking")] * 2
