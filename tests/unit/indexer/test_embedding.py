"""Embedding: every picture once, bounded work, patience that ends."""

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from services.common.errors import (
    AisleError,
    CatalogueInvalid,
    DeadlineExceeded,
    Internal,
    ModelUnavailable,
    Overloaded,
)
from services.indexer.embedding import Pace, ask_models
from services.indexer.pictures import Picture, Skipped
from tests.support.galleries import SIDE, FakeModels, project

PACE = Pace(batch_size=4, in_flight=3, decode_threads=2, timeout_seconds=1.0, patience_seconds=10.0)
PICTURES = [Picture(row, Path(str(row)), 1, 1) for row in range(30)]


def pixels_of(picture: Picture) -> NDArray[np.uint8]:
    return np.random.default_rng(picture.row).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)


class Outcome:
    """Takes finished batches."""

    def __init__(self) -> None:
        self.vectors: dict[int, NDArray[np.float32]] = {}
        self.skipped: list[int] = []
        self.pauses: list[float] = []
        self.seconds = 0.0

    def on_batch(
        self, pictures: Sequence[Picture], vectors: NDArray[np.float32] | None, skipped: Sequence[Skipped]
    ) -> None:
        assert (vectors is None) == (not pictures)
        vectors = np.empty((0, 0), np.float32) if vectors is None else vectors
        assert not {p.row for p in pictures} & set(self.vectors), "a picture came twice"
        self.vectors |= {picture.row: vector for picture, vector in zip(pictures, vectors, strict=True)}
        self.skipped += [one.row for one in skipped]

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.seconds += seconds

    def clock(self) -> float:
        return self.seconds


Read = Callable[[Picture], NDArray[np.uint8] | Skipped]


async def _run(models: FakeModels, pace: Pace = PACE, read: Read = pixels_of) -> Outcome:
    async def ask(pixels: Sequence[NDArray[np.uint8]], timeout_seconds: float) -> NDArray[np.float32]:
        assert timeout_seconds == pace.timeout_seconds
        return await models.embed(np.stack(pixels), timeout_seconds)

    outcome = Outcome()
    await ask_models(
        PICTURES,
        read=read,
        ask=ask,
        pace=pace,
        on_batch=outcome.on_batch,
        sleep=outcome.sleep,
        clock=outcome.clock,
    )
    return outcome


async def test_every_picture_gets_its_own_vector() -> None:
    """Many requests in flight mix nothing up."""
    outcome = await _run(FakeModels(delay_seconds=0.001))
    assert sorted(outcome.vectors) == list(range(30))
    for row, vector in outcome.vectors.items():
        np.testing.assert_allclose(vector, project(pixels_of(PICTURES[row])[np.newaxis])[0], atol=1e-6)


async def test_requests_in_flight_and_batches_are_bounded() -> None:
    """As many requests at once as the pace says, and no larger ones."""
    models = FakeModels(delay_seconds=0.005)
    await _run(models)
    assert models.most_at_once == PACE.in_flight
    assert sorted(models.batches) == [2, 4, 4, 4, 4, 4, 4, 4]


async def test_decoding_is_bounded() -> None:
    """Never more pictures in memory being decoded than there are decoding threads."""
    at_once, most, lock = 0, 0, threading.Lock()

    def slow(picture: Picture) -> NDArray[np.uint8]:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        time.sleep(0.002)
        with lock:
            at_once -= 1
        return pixels_of(picture)

    await _run(FakeModels(), read=slow)
    assert most == PACE.decode_threads


async def test_unreadable_pictures_are_told_and_the_rest_is_embedded() -> None:
    """A batch goes on without its bad pictures, and one of bad pictures alone asks for nothing."""
    models = FakeModels()
    bad = {0, 9, 12, 13, 14, 15}
    outcome = await _run(models, read=lambda p: Skipped(p.row, "bad") if p.row in bad else pixels_of(p))
    assert set(outcome.skipped) == bad
    assert set(outcome.vectors) == set(range(30)) - bad
    assert sum(models.batches) == 30 - len(bad)
    assert 0 not in models.batches


async def test_a_full_queue_is_waited_for_with_growing_pauses() -> None:
    """Overload, lateness and a restart pass: the request is repeated, each time a little later."""
    failures: list[Exception] = [Overloaded("full"), DeadlineExceeded("late"), ModelUnavailable("away")]
    outcome = await _run(FakeModels(failures=failures), Pace(4, 1, 2, 1.0, 10.0))
    assert sorted(outcome.vectors) == list(range(30))
    assert outcome.pauses == [0.1, 0.2, 0.4]


async def test_patience_ends() -> None:
    """A Triton that stays away ends the build with its own reason, after the time that was allowed."""
    models = FakeModels(failures=[ModelUnavailable("nobody there") for _ in range(100)])
    with pytest.raises(ModelUnavailable, match=r"nobody there \(gave up after 16 s of repeating\)"):
        await _run(models, Pace(4, 1, 2, 1.0, 20.0))


@pytest.mark.parametrize("error", [Internal("a defect"), CatalogueInvalid("too many")])
async def test_any_other_error_ends_the_work_at_once(error: AisleError) -> None:
    """What no waiting mends is not repeated, and the other requests are dropped."""
    models = FakeModels(failures=[error], delay_seconds=0.001)
    with pytest.raises(type(error)):
        await _run(models)
    assert len(models.batches) < 3
