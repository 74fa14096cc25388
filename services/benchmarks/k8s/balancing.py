"""Measures balancing between hosts: what a new replica's share is within a minute, and whether a drained one is asked.

Everything keeps its defaults, and DNS keeps answers for 30 s, as clusters do: what is shown here is what pods get.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from services.benchmarks.k8s.shop import GATEWAYS, SEARCHERS, TRITONS, Pace, Running, Shop, shop
from services.benchmarks.k8s.traffic import Traffic, traffic

Tell = Callable[[str], None]

_PER_SECOND: Final = 40.0
_WARM_SECONDS: Final = 5.0
_WITHIN_SECONDS: Final = 60.0
_WINDOW_SECONDS: Final = 30.0
"""Each call's replica is drawn by lot. Of these 1,200 calls the third of three has its share to within 4 % (a standard
deviation); with a third of them, one run in a hundred would miss a promise of 20 % by chance alone."""
_NOTICE_SECONDS: Final = 1.0
_LEAVE_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True)
class Balance:
    """What came of it.

    Attributes:
        shares: by kind of replica, the new one's share of the calls from a minute after DNS knew it, to the fair one.
        seconds_to_first: by kind, from DNS knowing it to its first call.
        calls_after_notice: by kind, calls to a drained replica later than a second after it was told to end.
        calls_before_notice: by kind, in the second before: 0 would mean that nothing was there to stop.
        photos: sent all the while.
        lost: that were not answered in full, by the reason.
    """

    shares: Mapping[str, float]
    seconds_to_first: Mapping[str, float]
    calls_after_notice: Mapping[str, int]
    calls_before_notice: Mapping[str, int]
    photos: int
    lost: Mapping[str, int]

    @property
    def worst_share(self) -> float:
        """How far the worst share is from the fair one, as a share of that."""
        return max(abs(share - 1.0) for share in self.shares.values())


async def measure_balance(folder: Path, models: Path, snapshot_root: str, say: Tell) -> Balance:
    """Add a searcher with a Triton and a gateway to two of each, wait, and drain one of each.

    Args:
        folder: for logs and journals.
        models: the model repository whose configurations are told.
        snapshot_root: its current snapshot is told of.
        say: hears of every step.

    Raises:
        FailedPrecondition: there can be no hosts here.
        SnapshotNotFound: nothing was published there.
        Internal: a process did not start.
    """
    async with shop(folder, models, snapshot_root, Pace()) as hosts:
        say("starting three gateways and three searchers with Tritons, each on a host of its own")
        replicas = [await hosts.replica(f"replica-{number}") for number in range(3)]
        _publish(hosts, replicas[:2], (SEARCHERS, TRITONS))
        gateways = [await hosts.gateway(f"gateway-{number}") for number in range(3)]
        _publish(hosts, gateways[:2], (GATEWAYS,))
        async with traffic(hosts.target, _PER_SECOND) as photos:
            await asyncio.sleep(_WARM_SECONDS)
            say("DNS knows the third of each from now on")
            _publish(hosts, replicas, (SEARCHERS, TRITONS))
            _publish(hosts, gateways, (GATEWAYS,))
            shares, first = await _joining(replicas, gateways)
            say("one of each drains")
            after, before = await _draining(hosts, replicas, gateways)
        return Balance(shares, first, after, before, len(photos.sent), _lost(photos))


def _publish(hosts: Shop, running: Sequence[Running], names: Sequence[str]) -> None:
    for name in names:
        hosts.publish(name, running)


async def _joining(
    replicas: Sequence[Running], gateways: Sequence[Running]
) -> tuple[Mapping[str, float], Mapping[str, float]]:
    joined_at = time.monotonic()
    first_answer = asyncio.create_task(_first_answer(gateways[-1], joined_at))
    await asyncio.sleep(_WITHIN_SECONDS)
    window_at, answers = time.monotonic(), await _answers(gateways)
    await asyncio.sleep(_WINDOW_SECONDS)
    answers = [after - before for after, before in zip(await _answers(gateways), answers, strict=True)]
    searches, inferences = (
        [sum(at >= window_at for at in each.calls(method)) for each in replicas] for method in ("Search", "ModelInfer")
    )
    shares = {"searcher": _share(searches), "triton": _share(inferences), "gateway": _share(answers)}
    first_answer.cancel()
    [gateway_first] = await asyncio.gather(first_answer, return_exceptions=True)
    first = {
        "searcher": _first(replicas[-1].calls("Search"), joined_at),
        "triton": _first(replicas[-1].calls("ModelInfer"), joined_at),
        "gateway": gateway_first if isinstance(gateway_first, float) else float("inf"),
    }
    return shares, first


async def _draining(
    hosts: Shop, replicas: Sequence[Running], gateways: Sequence[Running]
) -> tuple[Mapping[str, int], Mapping[str, int]]:
    """Drain the first of each; the searcher's Triton is a part of it, and DNS drops what drains, as a cluster does."""
    drained, gateway = replicas[0], gateways[0]
    answers_before = await _answers([gateway])
    await asyncio.sleep(_NOTICE_SECONDS)
    answers_told = await _answers([gateway])
    told_at = drained.drain()
    gateway.drain()
    await asyncio.sleep(_LEAVE_SECONDS)
    _publish(hosts, replicas[1:], (SEARCHERS, TRITONS))
    _publish(hosts, gateways[1:], (GATEWAYS,))
    await asyncio.sleep(_NOTICE_SECONDS - _LEAVE_SECONDS)
    answers_noticed = await _answers([gateway])
    await asyncio.sleep(Pace().drain_seconds - _NOTICE_SECONDS - 1.0)
    answers_last = await _answers([gateway])
    calls = drained.calls("Search")
    after = {
        "searcher": sum(at > told_at + _NOTICE_SECONDS for at in calls),
        "gateway": int(answers_last[0] - answers_noticed[0]),
    }
    before = {
        "searcher": sum(told_at - _NOTICE_SECONDS < at <= told_at for at in calls),
        "gateway": int(answers_told[0] - answers_before[0]),
    }
    return after, before


async def _answers(gateways: Sequence[Running]) -> list[float]:
    return [await asyncio.to_thread(each.answers) for each in gateways]


async def _first_answer(gateway: Running, since: float) -> float:
    while not await asyncio.to_thread(gateway.answers):  # noqa: ASYNC110 - another process has no event for it
        await asyncio.sleep(0.2)
    return time.monotonic() - since


def _share(calls: Sequence[float]) -> float:
    """Return the last one's share to the fair one."""
    return len(calls) * calls[-1] / max(1, sum(calls))


def _first(calls: Sequence[float], since: float) -> float:
    return min((at - since for at in calls if at >= since), default=float("inf"))


def _lost(photos: Traffic) -> Mapping[str, int]:
    lost: dict[str, int] = {}
    for each in photos.sent:
        if not each.is_whole:
            reason = each.error or "partial"
            lost[reason] = lost.get(reason, 0) + 1
    return lost
