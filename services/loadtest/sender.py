"""A sender: `python -m services.loadtest.sender` sends its part of a run, and tells what became of each second.

It is a process of its own because one Python process sends only so many photos a second, and because whoever shows
progress and reads other processes' times would make it late.
"""

import asyncio
import json
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import grpc
import grpc.aio

from services.client.conversion import to_request
from services.common.errors import AisleError
from services.common.heap import settle_heap
from services.loadtest.job import Job
from services.loadtest.pacing import begin_at, precise_loop
from services.loadtest.photos import load_photos
from services.loadtest.replies import answered, failed
from services.loadtest.tally import Reply, Tally
from services.loadtest.target import channel_to, search_call

MOST_LATE_SECONDS = 5.0
"""A sender that far behind will not catch up: it stops, and the run says so."""

_MOST_IN_FLIGHT = 10_000
_CONNECT_SECONDS = 5.0
_MOST_LINE_BYTES = 2**31 - 1

Place = tuple[int, int]
"""A second, and a kind."""


class Sender:
    """Sends each photo at its time, and tells each tally once all photos of it are back."""

    def __init__(
        self,
        job: Job,
        call: Any,
        photos: list[bytes],
        tell: Callable[[dict[str, Any]], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare; nothing is sent.

        Args:
            job: what to send.
            call: sends the bytes of a request, as `search_call` makes it.
            photos: the encoded photos, in the order of the job's source.
            tell: hears what `services.loadtest.job` says a sender tells.
            clock: seconds, monotonic, and the event loop's own.
        """
        self._job = job
        self._call = call
        self._photos = photos
        self._tell = tell
        self._clock = clock
        self._requests: dict[Place, bytes] = {}
        plan = job.plan
        self._places: list[Place] = list(
            zip(plan.times.__floordiv__(1).astype(int).tolist(), plan.kinds.tolist(), strict=True)
        )
        self._times: list[float] = plan.times.tolist()
        self._numbers: list[int] = plan.photos.tolist()
        self._missing = Counter(self._places)
        self._tallies: dict[Place, Tally] = {}
        self._in_flight = 0
        self._group = asyncio.TaskGroup()
        self._sending: asyncio.Task[None] | None = None
        self._gave_up = ""
        self._sent_until = 0.0

    async def run(self, start: float) -> None:
        """Send everything, `start` being the clock's time that counts as 0, and wait for all that was sent."""
        async with asyncio.TaskGroup() as self._group:
            self._sending = self._group.create_task(
                begin_at((start + at for at in self._times), self._begin, self._clock)
            )
        for place in list(self._tallies):  # of what was cut off in the middle
            self._close(place)
        self._tell({"done": True, "gave_up": self._gave_up, "sent_until": self._sent_until})

    def stop(self) -> None:
        """Send no more."""
        if self._sending is not None:
            self._sending.cancel()

    async def _begin(self, number: int, due: float) -> bool:
        late = self._clock() - due
        if late > MOST_LATE_SECONDS or self._in_flight >= _MOST_IN_FLIGHT:
            self._gave_up = (
                f"a sender could not send at this rate: after {self._times[number]:.1f} s it was {late:.1f} s late "
                f"with {self._in_flight:,} photos in flight, and stopped; ask for less, or give it more senders"
            )
            return False
        self._sent_until = self._times[number] + late
        self._in_flight += 1
        self._group.create_task(self._send(number, due))
        # The call leaves now, not when the loop has caught up with all that is due.
        await asyncio.sleep(0)
        return True

    async def _send(self, number: int, due: float) -> None:
        place = self._places[number]
        kind = self._job.mix[place[1]]
        photo = self._numbers[number]
        request = self._request(photo, place[1])
        late = self._clock() - due
        try:
            response = await self._call(request, timeout=kind.deadline_ms / 1000)
        except grpc.aio.AioRpcError as error:
            reply = failed(error, self._clock() - due)
        else:
            seconds = self._clock() - due
            products = self._job.source.products[photo] if self._job.source.products else ()
            reply = answered(response, kind, products, seconds)
        self._in_flight -= 1
        self._count(place, reply, late)

    def _request(self, photo: int, kind: int) -> bytes:
        """Return a request as it is on the wire; each is written down once."""
        known = self._requests.get((photo, kind))
        if known is None:
            known = to_request(self._photos[photo], self._job.mix[kind].options).SerializeToString()
            self._requests[photo, kind] = known
        return known

    def _count(self, place: Place, reply: Reply, late: float) -> None:
        if place not in self._tallies:
            self._tallies[place] = Tally()
        self._tallies[place].record(reply, late)
        self._missing[place] -= 1
        if not self._missing[place]:
            self._close(place)

    def _close(self, place: Place) -> None:
        second, kind = place
        self._tell({"second": second, "kind": kind, "tally": self._tallies.pop(place).to_json()})


def _write(fields: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


async def _main() -> None:
    """Read a job, do it, and tell what became of it."""
    lines = asyncio.StreamReader(limit=_MOST_LINE_BYTES)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    job = Job.from_json(json.loads(await lines.readline()))
    channel = channel_to(job.target)
    try:
        sender = Sender(job, search_call(channel), load_photos(job.source), _write)
        async with asyncio.timeout(_CONNECT_SECONDS):
            await _connected(channel)
        settle_heap()
        _write({"ready": True})
        start = json.loads(await lines.readline() or "null")
        if start is None:
            return
        watching = asyncio.create_task(_stop_with(lines, sender))
        await sender.run(start["start"])
        watching.cancel()
    except AisleError as error:
        _write({"failed": error.message, "reason": error.reason})
    except TimeoutError:
        _write({"failed": f"no connection to {job.target.address}", "reason": "UNAVAILABLE"})
    finally:
        await channel.close(grace=None)


async def _connected(channel: grpc.aio.Channel) -> None:
    state = channel.get_state(try_to_connect=True)
    while state is not grpc.ChannelConnectivity.READY:
        await channel.wait_for_state_change(state)
        state = channel.get_state(try_to_connect=True)


async def _stop_with(lines: asyncio.StreamReader, sender: Sender) -> None:
    await lines.readline()  # "stop", or nothing: nobody is there any more
    sender.stop()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the run, which then asks to stop
    with asyncio.Runner(loop_factory=precise_loop) as runner:
        runner.run(_main())
