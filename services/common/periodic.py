"""Work that goes on in the background, again and again, whatever goes wrong with it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NoReturn

from services.common.security.saying import say


async def again_and_again(name: str, work: Callable[[], Awaitable[object]], pause_seconds: float) -> NoReturn:
    """Do some work until the task is cancelled.

    Args:
        name: of the work, for the log, in lower_snake_case.
        work: an error that it raises is logged, once until it succeeds again.
        pause_seconds: from the end of one turn to the next.

    Nobody awaits such a task: ended by a defect, it would do nothing more without a word.
    """
    is_failing = False
    while True:
        try:
            await work()
            is_failing = False
        except Exception:  # noqa: BLE001 - see above
            if not is_failing:
                say("exception", "background_work_failed", work=name, tried_again_after_seconds=pause_seconds)
            is_failing = True
        await asyncio.sleep(pause_seconds)
