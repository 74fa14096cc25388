"""Latencies: taken in turns, told in milliseconds."""

from collections import Counter

from services.benchmarks.scale.latency import Latency, turns


def test_a_latency_is_told_in_milliseconds() -> None:
    """Of a hundred and one calls, the fifty-first and the hundredth."""
    latency = Latency.of([number / 1000 for number in range(101)])
    assert (round(latency.p50, 6), round(latency.p99, 6), latency.calls) == (50.0, 99.0, 101)


def test_every_way_comes_once_a_round_and_goes_first_as_often_as_the_others() -> None:
    """Also when there are fewer rounds than ways, over several photos."""
    ways = ("baseline", "cascade", "tenth")
    taken = [list(turns(ways, photo, rounds=2)) for photo in range(3)]
    firsts = [order[0] for order in taken] + [order[3] for order in taken]
    assert all(Counter(order) == Counter(dict.fromkeys(ways, 2)) for order in taken)
    assert Counter(firsts) == Counter(dict.fromkeys(ways, 2))
