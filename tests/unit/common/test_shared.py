"""Work that is shared: done once for all who ask at about the same time, and again for those who come later."""

import asyncio

import pytest

from services.common.shared import Shared
from tests.support.virtual_time import run_virtually


class Work:
    """Takes 0.3 s, and counts."""

    def __init__(self) -> None:
        self.done = 0
        self.error: Exception | None = None

    async def __call__(self) -> int:
        await asyncio.sleep(0.3)
        self.done += 1
        if self.error is not None:
            raise self.error
        return self.done


def test_all_who_ask_within_a_while_get_the_same() -> None:
    """Twenty at once cost what one does; a second after it began the work is done anew."""

    async def play() -> list[int]:
        shared = Shared(Work(), seconds=1.0)
        seen = await asyncio.gather(*(shared.get() for _ in range(20)))
        for pause in (0.6, 0.1):
            await asyncio.sleep(pause)
            seen.append(await shared.get())
        return seen

    assert run_virtually(play()) == [1] * 20 + [1, 2]


def test_who_leaves_takes_it_from_nobody() -> None:
    """One caller's deadline is not the others'."""

    async def play() -> int:
        work = Work()
        shared = Shared(work, seconds=1.0)
        impatient, patient = (asyncio.create_task(shared.get()) for _ in range(2))
        await asyncio.sleep(0.1)
        impatient.cancel()
        return await patient

    assert run_virtually(play()) == 1


def test_an_error_is_told_and_not_kept() -> None:
    """Whoever asks next begins anew."""

    async def play() -> int:
        work = Work()
        shared = Shared(work, seconds=1.0)
        work.error = LookupError("gone")
        with pytest.raises(LookupError):
            await shared.get()
        work.error = None
        return await shared.get()

    assert run_virtually(play()) == 2
