"""Triton called straight: the first failure ends what is in work, before the client is closed."""

import asyncio
from typing import Any

import numpy as np
import pytest

from services.benchmarks.speed.straight import Straight
from services.common.errors import Overloaded


class _Decoding:
    """Makes the same of every photo."""

    def decoded(self, _: bytes) -> tuple[Any, Any]:
        return np.zeros(1), np.zeros(1)


class _Models:
    """Refuses the first photo's vector at once; every other call waits."""

    def __init__(self) -> None:
        self.asked = 0
        self.in_work = 0

    async def embed(self, *_: object) -> None:
        self.asked += 1
        if self.asked == 1:
            raise Overloaded("the queue is full")
        await self.classify()

    async def classify(self, *_: object) -> None:
        self.in_work += 1
        try:
            await asyncio.sleep(5)
        finally:
            self.in_work -= 1


async def test_a_failure_leaves_no_photo_in_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """And is raised by itself, not as one of a group."""
    models = _Models()
    straight: Any = Straight("127.0.0.1:1", _Decoding())  # type: ignore[arg-type] # all that is asked of it
    await straight._models.close()
    monkeypatch.setattr(straight, "_models", models)
    with pytest.raises(Overloaded, match="the queue is full"):
        await straight.at_full_use([b"photo"] * 3)
    assert models.in_work == 0
