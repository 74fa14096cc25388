"""Many requests over one stream: each answered once, never too many in work, none lost."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import pytest

from services.common.errors import InvalidArgument, NotServing
from services.gateway.streaming import answers_of
from tests.support.gateway import Gate, until

IN_FLIGHT = 4


class Requests:
    """Numbers that a caller sends; counts how many were read."""

    def __init__(self, count: int, *, then_wait: bool = False) -> None:
        self.read = 0
        self._count = count
        self._then_wait = then_wait

    async def __aiter__(self) -> AsyncIterator[int]:
        for number in range(self._count):
            self.read += 1
            yield number
        if self._then_wait:
            await asyncio.Event().wait()


class Worker:
    """Answers a number with itself after its gate; counts how many are in work."""

    def __init__(self, gate: Gate | None = None) -> None:
        self.gate = gate or Gate()
        self.most = 0
        self._in_work = 0

    async def __call__(self, number: int) -> int:
        self._in_work += 1
        self.most = max(self.most, self._in_work)
        try:
            await asyncio.sleep(0)
            await self.gate.passage()
        finally:
            self._in_work -= 1
        return number


def stream(
    requests: Requests, worker: Worker, draining: asyncio.Event | None = None
) -> "aclosing[AsyncGenerator[int, None]]":
    return aclosing(answers_of(aiter(requests), worker, in_flight=IN_FLIGHT, draining=draining or asyncio.Event()))


async def test_every_request_is_answered_once() -> None:
    """Many more than there are places."""
    worker = Worker()
    async with stream(Requests(50), worker) as responses:
        answers = [answer async for answer in responses]
    assert sorted(answers) == list(range(50))
    assert worker.most == IN_FLIGHT


async def test_no_requests_are_no_answers() -> None:
    """A stream that is opened and closed ends well."""
    async with stream(Requests(0), Worker()) as responses:
        assert [answer async for answer in responses] == []


async def test_what_can_not_be_read_ends_the_stream_once_all_before_it_is_answered() -> None:
    """The caller hears what was wrong, as it was raised, and loses nothing that it had asked before."""

    async def requests() -> AsyncIterator[int]:
        for number in range(3):
            yield number
        raise InvalidArgument("no message of this method")

    responses = answers_of(requests(), Worker(), in_flight=IN_FLIGHT, draining=asyncio.Event())
    answers = [await anext(responses) for _ in range(3)]
    with pytest.raises(InvalidArgument, match="no message"):
        await anext(responses)
    assert sorted(answers) == [0, 1, 2]


async def test_answers_come_as_they_are_ready() -> None:
    """A slow photo does not hold back the others."""
    slow = Gate(is_open=False)

    async def answer(number: int) -> int:
        if number == 0:
            await slow.passage()
        return number

    responses = answers_of(aiter(Requests(3)), answer, in_flight=IN_FLIGHT, draining=asyncio.Event())
    assert {await anext(responses), await anext(responses)} == {1, 2}
    slow.open()
    assert await anext(responses) == 0
    await responses.aclose()


async def test_a_caller_that_does_not_take_its_answers_is_held() -> None:
    """Answers keep their places until they are taken, and without a place no request is read."""
    requests, worker = Requests(50), Worker()
    async with stream(requests, worker) as responses:
        assert await anext(responses) in range(IN_FLIGHT)
        for _ in range(50):
            await asyncio.sleep(0)
        assert requests.read == IN_FLIGHT
        await anext(responses)
        await until(lambda: requests.read == IN_FLIGHT + 1)


async def test_closing_cancels_what_is_in_work() -> None:
    """A caller that goes away leaves no work behind, also not after the generator is closed."""
    worker = Worker(Gate(is_open=False))
    async with stream(Requests(50), worker) as responses:
        taking = asyncio.ensure_future(anext(responses))
        await worker.gate.was_entered(IN_FLIGHT)
        taking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await taking
    assert worker.gate.cancelled == IN_FLIGHT


async def test_draining_answers_what_was_read_and_no_more() -> None:
    """The rest of the requests is left to another gateway, and the caller is told so."""
    draining = asyncio.Event()
    requests, worker = Requests(50), Worker(Gate(is_open=False))
    async with stream(requests, worker, draining) as responses:
        taking = asyncio.ensure_future(anext(responses))
        await worker.gate.was_entered(IN_FLIGHT)
        draining.set()
        await asyncio.sleep(0)
        worker.gate.open()
        answers = [await taking, *[await anext(responses) for _ in range(IN_FLIGHT - 1)]]
        with pytest.raises(NotServing, match="again"):
            await anext(responses)
    assert sorted(answers) == list(range(IN_FLIGHT))
    assert requests.read == IN_FLIGHT


async def test_draining_ends_a_stream_whose_caller_is_silent() -> None:
    """Nobody has to wait for the next request of a caller that sends none."""
    draining = asyncio.Event()
    async with stream(Requests(1, then_wait=True), Worker(), draining) as responses:
        assert await anext(responses) == 0
        draining.set()
        with pytest.raises(NotServing):
            await anext(responses)


async def test_draining_after_the_last_request_is_no_error() -> None:
    """A stream that was complete ends well."""
    draining = asyncio.Event()
    worker = Worker(Gate(is_open=False))
    async with stream(Requests(3), worker, draining) as responses:
        taking = asyncio.ensure_future(anext(responses))
        await worker.gate.was_entered(3)
        draining.set()
        worker.gate.open()
        assert sorted([await taking, *[answer async for answer in responses]]) == [0, 1, 2]


async def test_a_broken_stream_of_requests_is_an_error_and_no_hang() -> None:
    """What the transport raises while reading ends the stream, after cancelling what is in work."""

    async def broken() -> AsyncIterator[int]:
        yield 0
        raise OSError("reset")

    worker = Worker(Gate(is_open=False))
    responses = answers_of(broken(), worker, in_flight=IN_FLIGHT, draining=asyncio.Event())
    with pytest.raises(ExceptionGroup) as failed:
        await anext(responses)
    assert failed.group_contains(OSError)
