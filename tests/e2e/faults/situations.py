"""Each situation of the promise, alone: a system, a load, a fault, and what became of the answers."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from services.benchmarks.targets import Target
from services.cli.supervising.machine import free_ports
from services.client import AisleClient, Policy
from tests.e2e.faults.measuring import Situation, capacity, gauge, seconds_of, share
from tests.support.cluster import photo
from tests.support.faults.checker import Truth, broken
from tests.support.faults.history import MIXED, History, Outcome, Question, asked, poisson
from tests.support.faults.schedule import inflict, schedule
from tests.support.faults.system import System, running

SECOND: Final = 1.0
EVERYWHERE = Question(0, 0.0, 0, Policy.ALL)
USUAL = Question(0, 0.0, 0)


async def slow_calls(folder: Path, seed: int, slow_share: float, *options: str) -> tuple[History, float]:
    """Hold up a share of all shard calls for 0.3 s; return what became of it, and the extra calls in percent."""
    [port] = free_ports(1)
    options = ("--metrics-port", str(port), "--light-mass", "0", *options)
    async with running(folder, proxied=True, gateways=1, tritons=1, options=options) as system:
        await asked(system.target, list(poisson(10.0, 5.0, seed + 1, EVERYWHERE)))  # what is usual is learned first
        for proxy in system.named("proxy"):
            proxy.tell(delayed_share=slow_share, delay_seconds=0.3)
        before = await gauge(port, "aisle_gateway_extra_calls_total"), await gauge(port, "aisle_gateway_shards_total")
        history = await asked(system.target, list(poisson(10.0, 60.0, seed, EVERYWHERE)))
        extra = await gauge(port, "aisle_gateway_extra_calls_total") - before[0]
        calls = await gauge(port, "aisle_gateway_shards_total") - before[1]
    return history, 100.0 * extra / calls


async def slow_two_percent(folder: Path, seed: int) -> list[Target]:
    """2 % of the shard calls take 0.3 s longer, in a fan-out of five."""
    hedged, extra = await slow_calls(folder / "hedged", seed, 0.02)
    plain, _ = await slow_calls(folder / "plain", seed, 0.02, "--hedge-share", "0")
    figures = {"p99_ratio": seconds_of(plain, 0.99) / seconds_of(hedged, 0.99), "extra_calls_percent": extra}
    reach = {"p99_ratio": 5.0, "extra_calls_percent": 5.0}
    return [
        Target(
            "2 % of shard calls slow, fan-out 5: p99 without hedging to with", reach, figures, ["extra_calls_percent"]
        )
    ]


async def slow_all(folder: Path, seed: int) -> list[Target]:
    """Every shard call takes 0.3 s longer."""
    _, extra = await slow_calls(folder, seed, 1.0)
    name = "extra_calls_percent"
    return [Target("every shard call slow", {name: 5.0}, {name: extra}, [name])]


async def replica_stopped(folder: Path, seed: int) -> list[Target]:
    """One of two replicas hangs for a minute, and comes back."""
    stopped_at, hangs, after = 5.0, 60.0, 30.0
    [port] = free_ports(1)
    async with running(folder, gateways=1, options=("--metrics-port", str(port))) as system:
        total = stopped_at + hangs + after
        loading = asyncio.create_task(asked(system.target, list(poisson(30.0, total, seed, USUAL, EVERYWHERE))))
        await asyncio.sleep(stopped_at)
        system.members["searcher-north-0"].stop()
        await asyncio.sleep(hangs)
        passed_over = await gauge(port, "aisle_gateway_replicas_away")
        system.members["searcher-north-0"].go_on()
        back = time.monotonic()
        while await gauge(port, "aisle_gateway_replicas_away") and time.monotonic() - back < after:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        used_again = time.monotonic() - back
        history = (await loading).between(stopped_at + 2.0, stopped_at + hangs)
    full = share(history.full, history.outcomes)
    figures = {"full_percent": full, "passed_over": passed_over, "used_again_seconds": used_again}
    reach = {"full_percent": 99.9, "passed_over": 1.0, "used_again_seconds": 30.0}
    return [Target("one of two replicas stopped for 60 s, from 2 s on", reach, figures, ["used_again_seconds"])]


async def replica_killed(folder: Path, seed: int) -> list[Target]:
    """One of two replicas is killed with -9 at 70 % of what the system can do."""
    async with running(folder) as system:
        rate = 0.7 * await capacity(system.target)
        loading = asyncio.create_task(asked(system.target, list(poisson(rate, 20.0, seed, USUAL))))
        await asyncio.sleep(8.0)
        await system.members["searcher-north-0"].kill()
        history = await loading
    partial = [each for each in history.outcomes if each.found is not None and each.found.partial]
    figures = {"failed": float(len(history.failed)), "partial_percent": share(partial, history.outcomes)}
    reach = {"failed": 0.0, "partial_percent": 0.1}
    return [Target(f"kill -9 of one replica at 70 % load ({rate:.0f}/s)", reach, figures, list(reach))]


async def shard_gone(folder: Path, seed: int) -> list[Target]:
    """Both replicas of some shards are gone."""
    async with running(folder) as system:
        await asyncio.gather(*(member.kill() for member in system.named("searcher-south")))
        history = await asked(system.target, list(poisson(30.0, 15.0, seed, EVERYWHERE)))
    flagged = [each for each in history.outcomes if each.found is not None and each.found.partial]
    figures = {"flagged_percent": share(flagged, history.outcomes), "p99_seconds": seconds_of(history, 0.99)}
    reach = {"flagged_percent": 100.0, "p99_seconds": EVERYWHERE.timeout_seconds}
    return [Target("both replicas of a shard gone", reach, figures, ["p99_seconds"])]


async def rolling_restarts(folder: Path, seed: int, times: int = 20) -> list[Target]:
    """Every kind of process is told to end and started again, one replica after the other, under load."""
    targets = []
    for kind, grace_seconds in (("searcher", 10.0), ("gateway", 10.0), ("triton", 7.0)):
        async with running(folder / kind) as system:
            members = system.named(kind)
            stop = asyncio.Event()
            loading = asyncio.create_task(_until(system, stop, seed))
            await asyncio.sleep(2.0)
            statuses, slowest = set[int](), 0.0
            for number in range(times):
                member = members[number % len(members)]
                status, seconds = await member.end()
                statuses.add(status)
                slowest = max(slowest, seconds)
                await member.start()
                await asyncio.sleep(SECOND)
            stop.set()
            history = await loading
        figures = {
            "failed": float(len(history.failed)),
            "worst_exit_status": float(max(map(abs, statuses))),
            "slowest_end_seconds": slowest,
        }
        reach = {"failed": 0.0, "worst_exit_status": 0.0, "slowest_end_seconds": grace_seconds + 2.0}
        targets.append(
            Target(f"{times} rolling restarts: {kind}, {len(history.outcomes)} photos", reach, figures, list(reach))
        )
    return targets


async def _until(system: System, stop: asyncio.Event, seed: int) -> History:
    """Ask 20 times a second until told to stop."""
    outcomes, slice_seconds, number = list[Outcome](), 2.0, 0
    while not stop.is_set():
        part = await asked(
            system.target, list(poisson(20.0, slice_seconds, seed + number, replace(USUAL, timeout_seconds=2.0)))
        )
        outcomes += part.outcomes
        number += 1
    return History(outcomes)


async def caller_cancels(folder: Path, seed: int) -> list[Target]:
    """Callers go away while their photos are in work."""
    [port] = free_ports(1)
    async with running(folder, proxied=True, gateways=1, tritons=1, options=("--metrics-port", str(port))) as system:
        for proxy in system.named("proxy"):
            proxy.tell(delayed_share=1.0, delay_seconds=5.0)
        client = AisleClient(system.target)
        calls = [asyncio.create_task(client.search(photo(seed + n), timeout_seconds=10.0)) for n in range(10)]
        while await gauge(port, "aisle_gateway_in_flight") < min(len(calls), 2):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.5)
        for call in calls:
            call.cancel()
        began = time.monotonic()
        while await gauge(port, "aisle_gateway_in_flight"):  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        seconds = time.monotonic() - began
        await client.close()
    return [Target("caller cancels: nothing in work", {"seconds": 0.1}, {"seconds": seconds}, ["seconds"])]


async def mixed(folder: Path, seed: int, minutes: float) -> list[Target]:
    """All kinds of faults, one after the other, under every kind of question."""
    seconds = 60.0 * minutes
    async with running(folder, proxied=True) as system:
        loading = asyncio.create_task(asked(system.target, list(poisson(20.0, seconds, seed, *MIXED))))
        faults = await inflict(system, list(schedule(seconds, seed)), time.monotonic(), seconds)
        history = replace(await loading, faults=faults)
    history.write(folder / "history.jsonl")
    lines = broken(history, Truth.of(system.snapshot))
    (folder / "broken.txt").write_text("\n".join(lines))
    name = f"{minutes:g} minutes of mixed faults, seed {seed}: {len(history.outcomes)} photos, {len(faults)} faults, "
    name += f"{share(history.full, history.outcomes):.1f} % full"
    return [Target(name, {"broken": 0.0}, {"broken": float(len(lines))}, ["broken"])]


SITUATIONS: Final[Mapping[str, Situation]] = {
    "slow-2-percent": slow_two_percent,
    "slow-all": slow_all,
    "replica-stopped": replica_stopped,
    "replica-killed": replica_killed,
    "shard-gone": shard_gone,
    "rolling-restarts": rolling_restarts,
    "caller-cancels": caller_cancels,
}
