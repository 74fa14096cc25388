"""Which faults come when: drawn by lot, never two at once on one shard; and who carries them out."""

import asyncio
import random
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from tests.support.faults.proxy import CORRUPTIONS
from tests.support.faults.system import GROUPS, System
from tests.support.triton import ROOT

Kind = Literal["kill", "hang", "restart", "slow", "drop", "corrupt", "full disk"]

_LONGEST_SECONDS = 4.0
_PAUSE_SECONDS = 1.0
_MOST_BYTES = 2_000
"""A file of a snapshot is larger."""
_PAIRS = ("triton", "gateway")
"""A gateway is not stopped: nobody else could keep its callers' deadlines."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault.

    Attributes:
        at: when it begins, seconds from the start of the load.
        kind: killed with -9, stopped with SIGSTOP, told to end and started again; or, by its proxy, made slow, made to
            drop calls, or to answer what can't be right. With a full disk a snapshot is published below everybody's
            eyes, which fails, and the member is restarted from what is left.
        member: whom it befalls.
        seconds: until it is over, or until the member is started again.
        how: the corruption, or the bytes that still fit on the disk; empty for other kinds.
    """

    at: float
    kind: Kind
    member: str
    seconds: float
    how: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.member} for {self.seconds:.2f} s {self.how}".strip()


def schedule(seconds: float, seed: int) -> Iterator[Fault]:
    """Yield faults one after the other, a moment of peace between them: so no two are on one shard at once."""
    lot = random.Random(seed)
    at = 1.0
    while True:
        lasts = lot.uniform(0.2, _LONGEST_SECONDS)
        if at + lasts + _PAUSE_SECONDS > seconds:
            return
        yield _drawn(lot, at, lasts)
        at += lasts + lot.uniform(_PAUSE_SECONDS, 2 * _PAUSE_SECONDS)


def _drawn(lot: random.Random, at: float, seconds: float) -> Fault:
    replica = f"{lot.choice(list(GROUPS))}-{lot.randrange(2)}"
    kind: Kind = lot.choice(["kill", "kill", "hang", "restart", "slow", "drop", "corrupt", "full disk"])
    if kind == "full disk":
        return Fault(at, kind, f"searcher-{replica}", seconds, str(lot.randrange(_MOST_BYTES)))
    if kind in {"kill", "hang", "restart"}:
        others = [f"triton-{lot.randrange(2)}"] if kind == "hang" else [f"{each}-{lot.randrange(2)}" for each in _PAIRS]
        member = lot.choice([*([f"searcher-{replica}"] * 2), *others])
        return Fault(at, kind, member, seconds)
    return Fault(at, kind, f"proxy-{replica}", seconds, lot.choice(CORRUPTIONS) if kind == "corrupt" else "")


async def inflict(system: System, faults: Sequence[Fault], began: float, seconds: float) -> list[tuple[float, str]]:
    """Carry out the faults, and leave everything as it was; return when each began.

    On a busy machine what is killed takes longer to come back, and the faults come later than they were meant to.

    Args:
        system: what they befall.
        faults: one after the other.
        began: when the load began, by `time.monotonic`.
        seconds: how long it lasts: none begins afterwards.
    """
    told = []
    for fault in faults:
        await asyncio.sleep(max(0.0, began + fault.at - time.monotonic()))
        if time.monotonic() - began > seconds:
            break
        told.append((time.monotonic() - began, str(fault)))
        await _one(system, fault)
    return told


async def _one(system: System, fault: Fault) -> None:
    member = system.members[fault.member]
    match fault.kind:
        case "full disk":
            await _publish_on_a_full_disk(system, fault.how)
            await member.end()
            await member.start()
        case "kill":
            await member.kill()
            await asyncio.sleep(fault.seconds)
            await member.start()
        case "hang":
            member.stop()
            await asyncio.sleep(fault.seconds)
            member.go_on()
        case "restart":
            await member.end()
            await member.start()
        case _:
            member.tell(
                delayed_share=float(fault.kind == "slow") / 2,
                delay_seconds=0.3,
                dropped_share=float(fault.kind == "drop") / 2,
                corrupt=fault.how,
            )
            await asyncio.sleep(fault.seconds)
            member.tell()


async def _publish_on_a_full_disk(system: System, most_bytes: str) -> None:
    argv = ("-m", "tests.support.faults.full_disk", str(system.snapshot.root), most_bytes)
    process = await asyncio.create_subprocess_exec(sys.executable, *argv, stderr=asyncio.subprocess.PIPE, cwd=ROOT)
    _, said = await process.communicate()
    assert process.returncode == 0, said.decode()
