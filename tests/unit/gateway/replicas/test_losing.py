"""Which calls that were not answered say that a replica is lost, and which say nothing about it."""

import asyncio
from contextlib import suppress

import pytest

from services.common.errors import (
    AisleError,
    DeadlineExceeded,
    InvalidArgument,
    Overloaded,
    ShardNotServed,
    Unavailable,
)
from services.gateway.replicas.attempt import Attempt
from services.gateway.replicas.choosing import Replica
from tests.support.gateway import Gate
from tests.support.replica_shop import Shop
from tests.support.replicas import passed_over
from tests.support.virtual_time import run_virtually


@pytest.mark.parametrize("error", [ShardNotServed("not here"), Overloaded("full"), InvalidArgument("bad")])
async def test_who_says_no_is_well(error: AisleError) -> None:
    """It may lack a shard, or have too much to do; it goes on answering for others, also after it was lost."""
    shop = Shop()
    shop.errors = {"a": Unavailable("gone"), "b": error}
    while passed_over(shop.replicas) != ["a"]:
        with suppress(AisleError):
            await shop.ask()
    shop.errors["a"] = error
    await asyncio.sleep(0.55)
    while passed_over(shop.replicas):
        with suppress(AisleError):
            await shop.ask()


async def test_a_deadline_too_short_for_anybody_blames_nobody() -> None:
    """A caller with 1 ms must not cost others a replica."""
    shop = Shop()
    shop.errors = {"a": DeadlineExceeded("1 ms"), "b": DeadlineExceeded("1 ms")}
    for _ in range(20):
        with pytest.raises(DeadlineExceeded):
            await shop.ask()
    assert passed_over(shop.replicas) == []


@pytest.mark.parametrize(("overlapping", "beside_exact", "lost"), [(5, False, ["a"]), (1, False, []), (1, True, [])])
def test_who_answers_nobody_is_lost_however_short_the_deadlines(
    *, overlapping: int, beside_exact: bool, lost: list[str]
) -> None:
    """Calls of 0.2 s, and nobody knows what they take: one after the other they say nothing, all at once enough.

    A search that may take as long as it likes, beside them all the time, is no reason to take them together.
    """

    async def play() -> list[str]:
        shop = Shop()
        shop.errors["a"] = DeadlineExceeded("0.2 s")

        async def impatient() -> None:
            gate = shop.gates["a"] = Gate(is_open=False)
            asking = asyncio.create_task(shop.ask("a", None))
            await asyncio.sleep(0.2)
            gate.open()
            with pytest.raises((DeadlineExceeded, Unavailable)):
                await asking

        exact = None
        if beside_exact:
            shop.shut("a")
            exact = asyncio.create_task(shop.ask("a", None, late_is_lost=False))
            await asyncio.sleep(0.0)
        callers = []
        for _ in range(15):
            callers.append(asyncio.create_task(impatient()))
            await asyncio.sleep(0.21 / overlapping)
        await asyncio.gather(*callers)
        if exact is not None:
            exact.cancel()
        return passed_over(shop.replicas)

    assert run_virtually(play()) == lost


def test_a_late_call_says_nothing_where_others_are_answered() -> None:
    """Silence ends with an answer, so that calls which began before it are as short as they are."""

    async def play() -> float:
        replica = Replica("a")
        clock = asyncio.get_running_loop().time
        gates = [Gate(is_open=False) for _ in range(2)]

        def attempt(gate: Gate) -> "Attempt[None]":
            return Attempt(replica, lambda _: gate.passage(), clock, late_is_lost=True)

        late, answered = attempt(gates[0]), attempt(gates[1])
        tasks = [late.begin(), answered.begin()]
        await asyncio.sleep(1.0)
        gates[1].open()
        await asyncio.sleep(0.5)
        tasks[0].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return late.silence_seconds

    assert run_virtually(play()) == pytest.approx(0.5)


@pytest.mark.parametrize(("late_is_lost", "said", "lost"), [(True, False, ["a"]), (False, False, []), (True, True, [])])
def test_what_is_late_counts_where_it_may_be_the_replica_s_fault(
    *, late_is_lost: bool, said: bool, lost: list[str]
) -> None:
    """Not where calls of the kind take as long as they like, and not where the replica itself said no."""

    async def play() -> list[str]:
        shop = Shop()
        late = shop.errors["a"] = DeadlineExceeded("0.6 s")
        late.said_by_callee = said
        for _ in range(3):
            shop.shut("a")
            asking = asyncio.create_task(shop.ask("a", late_is_lost=late_is_lost))
            await asyncio.sleep(0.6)
            shop.gates["a"].open()
            with pytest.raises(DeadlineExceeded):
                await asking
        return passed_over(shop.replicas)

    assert run_virtually(play()) == lost


async def test_a_lost_replica_that_says_itself_that_time_was_short_is_back() -> None:
    """It takes calls again; under short deadlines that may be all that it ever answers."""
    shop = Shop(losses=1)
    shop.errors["a"] = Unavailable("gone")
    with pytest.raises(Unavailable):
        await shop.ask("a")
    assert passed_over(shop.replicas) == ["a"]
    short = shop.errors["a"] = DeadlineExceeded("1 ms")
    short.said_by_callee = True
    await asyncio.sleep(0.55)
    with pytest.raises(DeadlineExceeded):
        await shop.ask("a")
    assert passed_over(shop.replicas) == []
