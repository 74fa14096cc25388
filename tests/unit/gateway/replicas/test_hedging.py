"""One answer from at most two replicas: the second one when the first is slow or lost, within what may be spent."""

import asyncio
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.errors import (
    AisleError,
    DeadlineExceeded,
    InvalidArgument,
    Overloaded,
    Unavailable,
)
from services.common.recent_times import RecentTimes
from services.gateway.replicas.hedging import Reply, hedge_after
from tests.support.clocks import ManualClock
from tests.support.gateway import until
from tests.support.replica_shop import AFTER_SECONDS, Shop
from tests.support.replicas import passed_over


async def test_who_answers_soon_is_asked_alone() -> None:
    """No call is made twice for nothing."""
    shop = Shop()
    reply = await shop.ask()
    assert reply == Reply(shop.first, hedged=False)
    assert len(shop.asked) == 1
    assert shop.extra.spent == 0


async def test_a_slow_first_is_overtaken_by_the_second() -> None:
    """The loser is cancelled, and counts as lost."""
    shop = Shop()
    shop.shut("a", "b")
    asking = asyncio.create_task(shop.ask())
    await until(lambda: len(shop.asked) == 2)
    shop.gates[shop.second].open()
    assert await asking == Reply(shop.second, hedged=True)
    await until(lambda: shop.gates[shop.first].cancelled == 1)
    assert shop.extra.spent == 1


async def test_a_slow_first_that_is_faster_after_all_wins() -> None:
    """Then the answer is no hedge's, and nobody lost."""
    shop = Shop()
    shop.shut("a", "b")
    asking = asyncio.create_task(shop.ask())
    await until(lambda: len(shop.asked) == 2)
    shop.gates[shop.first].open()
    assert await asking == Reply(shop.first, hedged=False)
    await until(lambda: shop.gates[shop.second].cancelled == 1)


@pytest.mark.parametrize("error", [Unavailable("gone"), AisleError("a defect")])
async def test_a_lost_first_is_made_up_for_at_once(error: AisleError) -> None:
    """Long before a slow one would be."""
    shop = Shop()
    shop.errors["a"] = error
    for _ in range(10):
        assert (await shop.ask(after_seconds=None)).value == "b"


@pytest.mark.parametrize("error", [DeadlineExceeded("late"), InvalidArgument("bad"), Overloaded("full")])
async def test_what_no_other_replica_mends_is_raised(error: AisleError) -> None:
    """It is late everywhere, wrong everywhere, or more calls are the last thing that is needed."""
    shop = Shop()
    shop.errors = {"a": error, "b": error}
    with pytest.raises(type(error)):
        await shop.ask()
    assert len(shop.asked) == 1


async def test_when_both_are_lost_the_first_error_is_raised() -> None:
    """And nobody is asked a third time."""
    shop = Shop()
    shop.errors = {"a": Unavailable("a is gone"), "b": Unavailable("b is gone")}
    with pytest.raises(Unavailable, match="is gone") as lost:
        await shop.ask()
    assert shop.errors[shop.first] is lost.value
    assert len(shop.asked) == 2


async def test_the_only_replica_is_waited_for() -> None:
    """There is no other to ask."""
    shop = Shop()
    shop.shut("a")
    asking = asyncio.create_task(shop.ask("a"))
    await asyncio.sleep(2 * AFTER_SECONDS)
    assert shop.asked == ["a"]
    shop.gates["a"].open()
    assert (await asking).value == "a"


async def test_without_a_token_a_slow_one_is_waited_for() -> None:
    """What may be spent is the limit, whatever it costs in time."""
    shop = Shop(share=0.0)
    shop.shut("a", "b")
    asking = asyncio.create_task(shop.ask())
    await asyncio.sleep(2 * AFTER_SECONDS)
    assert len(shop.asked) == 1
    for gate in shop.gates.values():
        gate.open()
    await asking


async def test_a_cancelled_caller_cancels_both_and_blames_nobody() -> None:
    """Callers come and go."""
    shop = Shop()
    shop.shut("a", "b")
    for _ in range(5):
        before = len(shop.asked)
        asking = asyncio.create_task(shop.ask())
        await until(lambda before=before: len(shop.asked) == before + 2)  # type: ignore[misc]
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
    await until(lambda: all(gate.cancelled == gate.entered for gate in shop.gates.values()))
    assert passed_over(shop.replicas) == []


@pytest.mark.parametrize("after_seconds", [None, AFTER_SECONDS])
@pytest.mark.parametrize("targets", ["a", "ab"])
@pytest.mark.parametrize("steps", [0, 1, 3])
async def test_a_call_is_counted_as_long_as_it_runs(targets: str, after_seconds: float | None, steps: int) -> None:
    """However soon its caller goes, with or without a task of its own: a count that stays would turn others away."""
    shop = Shop()
    shop.shut("a", "b")
    asking = asyncio.create_task(shop.ask(targets, after_seconds))
    for _ in range(steps):
        await asyncio.sleep(0)
    assert sum(state.in_flight for state in shop.replicas.states()) == (1 if steps else 0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await until(lambda: all(state.in_flight == 0 for state in shop.replicas.states()))
    for gate in shop.gates.values():
        gate.open()
    await shop.ask(targets, after_seconds)
    assert all(state.in_flight == 0 for state in shop.replicas.states())


async def test_whoever_stands_in_for_a_lost_one_says_so() -> None:
    """Whether or not slow ones are hedged."""
    shop = Shop()
    shop.errors["a"] = Unavailable("gone")
    replies = [await shop.ask(after_seconds=None) for _ in range(10)]
    assert any(reply.hedged for reply in replies)
    assert shop.extra.spent == sum(reply.hedged for reply in replies)


async def test_a_hung_replica_is_asked_a_few_times_only() -> None:
    """After three answers that the other one had to give it is passed over; when it is back it is found again."""
    shop = Shop()
    shop.shut("a")
    for _ in range(40):
        assert (await shop.ask()).value == "b"
    assert shop.asked.count("a") <= 3
    assert passed_over(shop.replicas) == ["a"]
    shop.gates["a"].open()
    await asyncio.sleep(0.55)
    await asyncio.gather(*(shop.ask() for _ in range(20)))
    assert passed_over(shop.replicas) == []
    assert shop.asked.count("a") > 3


async def test_what_only_tries_a_lost_replica_is_not_waited_for_long() -> None:
    """Also where slow ones are: the photo that finds out that a Triton still hangs is answered by the other one."""
    shop = Shop()
    shop.shut("a")
    while passed_over(shop.replicas) != ["a"]:
        await shop.ask()
    await asyncio.sleep(0.55)
    asked_before = shop.asked.count("a")
    async with asyncio.timeout(0.2):
        await asyncio.gather(*(shop.ask(after_seconds=None) for _ in range(20)))
    assert shop.asked.count("a") == asked_before + 1


async def test_whoever_tries_a_lost_replica_does_not_pay_with_the_answer() -> None:
    """Also where nothing may be spent on second calls: trials are few by themselves."""
    shop = Shop(share=0.0)
    shop.errors = {"a": Unavailable("gone")}
    while passed_over(shop.replicas) != ["a"]:
        with suppress(Unavailable):
            await shop.ask()
    await asyncio.sleep(0.55)
    asked_before = shop.asked.count("a")
    assert {(await shop.ask(after_seconds=None)).value for _ in range(20)} == {"b"}
    assert shop.asked.count("a") == asked_before + 1
    assert shop.extra.spent == 0


async def test_a_slow_one_is_not_made_up_for_by_a_lost_one() -> None:
    """The second call would be as slow, and cost a token; one that has failed has nothing to lose."""
    shop = Shop()
    shop.shut("a")
    while passed_over(shop.replicas) != ["a"]:
        await shop.ask()
    spent = shop.extra.spent
    shop.shut("b")
    asking = asyncio.create_task(shop.ask())
    await asyncio.sleep(2 * AFTER_SECONDS)
    assert shop.extra.spent == spent
    shop.gates["b"].open()
    assert (await asking).value == "b"
    shop.gates["a"].open()
    shop.errors = {"b": Unavailable("gone")}
    assert (await shop.ask()).value == "a"


async def test_the_time_of_a_beaten_call_is_what_it_had_taken() -> None:
    """Else what hedging cuts off would make the next hedge come earlier, and so on to none at all."""
    shop = Shop(losses=1_000)
    shop.shut("a", "b")
    for _ in range(10):
        before = len(shop.asked)
        asking = asyncio.create_task(shop.ask())
        await until(lambda before=before: len(shop.asked) == before + 2)  # type: ignore[misc]
        shop.gates[shop.asked[-1]].open()
        await asking
        shop.shut("a", "b")
    shortest = shop.times.quantile(0.0)
    assert shortest is not None
    assert shortest >= AFTER_SECONDS * 0.9


@given(seconds=st.lists(st.floats(0, 1), min_size=10, max_size=50), weights=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_the_heavier_the_earlier(seconds: list[float], weights: tuple[float, float]) -> None:
    """And never at once: a call in flight is not late."""
    times = RecentTimes(ManualClock())
    for each in seconds:
        times.add(each)
    light, heavy = sorted(weights)
    assert 0.002 <= hedge_after(times, heavy) <= hedge_after(times, light)


def test_slow_calls_do_not_make_the_next_hedge_late() -> None:
    """Of the last hundred calls nine were slow, which is bad luck where two are to be expected."""
    times = RecentTimes(ManualClock())
    for each in [0.3] * 9 + [0.01] * 91:
        times.add(each)
    assert hedge_after(times, 0.0) == pytest.approx(0.02)
    assert hedge_after(times, 1.0) == pytest.approx(0.015)


async def test_when_nobody_answers_the_next_ones_are_refused_at_once() -> None:
    """All but one, which waits to see whether somebody is back; and once somebody is, everybody is answered."""
    shop = Shop()
    shop.errors = {"a": Unavailable("gone"), "b": Unavailable("gone")}
    while passed_over(shop.replicas) != ["a", "b"]:
        with pytest.raises(Unavailable):
            await shop.ask()
    await asyncio.sleep(0.55)
    shop.errors.clear()
    shop.shut("a", "b")
    trial = asyncio.create_task(shop.ask(after_seconds=None))
    await until(lambda: sum(gate.entered for gate in shop.gates.values()) == 2)
    with pytest.raises(Unavailable, match="no replica answers") as refused:
        await shop.ask()
    assert refused.value.retry_after_seconds
    for gate in shop.gates.values():
        gate.open()
    await trial
    await asyncio.gather(*(shop.ask() for _ in range(20)))


def test_what_is_not_known_is_waited_for() -> None:
    """50 ms, longer than any search takes that is in order."""
    assert hedge_after(RecentTimes(ManualClock()), 1.0) == 0.05
