"""Whether a run can be believed: a load generator that was late, busy, brief or not alone says so itself. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from services.loadtest.slo import QUANTILES

BEYOND: Final = 10
"""Answers that must lie beyond a quantile: with fewer, the next run's value may well be another."""

_MOST_LAG: Final = (("median", 0.5, 0.05), ("p99", 5.0, 0.1))
"""Milliseconds, and share of the latency at the same quantile, by which the client itself may have lengthened it: the
larger counts."""

_LEAST_ACHIEVED: Final = 0.98
_MOST_SENDER_SHARE: Final = 0.9
_MOST_MACHINE_SHARE: Final = 0.8
_MOST_OTHERS_SHARE: Final = 0.25
"""Of the machine: an idle one uses a hundredth, one that is lent out some more. What others take, the knee lacks."""


@dataclass(frozen=True, slots=True)
class Instrument:
    """What the load generator knows of itself.

    Attributes:
        answers: counted.
        offered: photos that were due.
        offered_rps, achieved_rps: due, and sent, a second.
        latency_ms, lag_ms: at the 50th and 99th percentile.
        busiest_sender: processor time of the busiest sender over the run's time; 1 is a whole core.
        own_share: processor time of all its processes over what the cores had to give.
        gave_up: why sending ended early; empty when it did not.
        others_share: of the server's machine that other programs used; None where that is not known.
    """

    answers: int
    offered: int
    offered_rps: float
    achieved_rps: float
    latency_ms: tuple[float, float]
    lag_ms: tuple[float, float]
    busiest_sender: float
    own_share: float
    gave_up: str = ""
    others_share: float | None = None


def doubts(seen: Instrument, needed: Iterable[float]) -> list[str]:
    """Return why the run can't be vouched for, the gravest first; nothing when it can.

    Args:
        seen: what the load generator knows of itself.
        needed: the quantiles of latency that the run is about.
    """
    return [*_unsent(seen), *_late(seen), *_busy(seen), *_disturbed(seen), *_brief(seen, needed)]


def enough(answers: int, quantile: float) -> bool:
    """Return whether as many answers tell a quantile: at least `BEYOND` of them lie beyond it."""
    return answers * (1 - quantile) >= BEYOND - 1e-6


def needed_answers(quantile: float) -> int:
    """Return how many answers tell a quantile."""
    return round(BEYOND / (1 - quantile))


def _unsent(seen: Instrument) -> Iterable[str]:
    if not seen.offered:
        yield "nothing was due before the run ended"
    elif seen.gave_up:
        yield seen.gave_up
    elif seen.achieved_rps < _LEAST_ACHIEVED * seen.offered_rps:
        yield (
            f"it sent {seen.achieved_rps:.4g} photos a second of {seen.offered_rps:.4g} offered: "
            "ask for less, or give it more senders and cores"
        )


def _late(seen: Instrument) -> Iterable[str]:
    for (name, most, share), lag, latency in zip(_MOST_LAG, seen.lag_ms, seen.latency_ms, strict=True):
        if lag > max(most, share * latency):
            yield (
                f"the client sent late: {name} {lag:.1f} ms after the intended time, "
                f"where {name} latency is {latency:.1f} ms; give it more senders, or a machine of its own"
            )
            return


def _busy(seen: Instrument) -> Iterable[str]:
    if seen.busiest_sender > _MOST_SENDER_SHARE:
        yield f"a sender was busy for {seen.busiest_sender:.0%} of the time: give it more senders"
    if seen.own_share > _MOST_MACHINE_SHARE:
        yield f"the client used {seen.own_share:.0%} of this machine's cores: run it on another one, or ask for less"


def _disturbed(seen: Instrument) -> Iterable[str]:
    if seen.others_share is not None and seen.others_share > _MOST_OTHERS_SHARE:
        yield (
            f"other programs used {seen.others_share:.0%} of the machine's cores: end them and test again, "
            "or name them with --server-pid where they are the server's"
        )


def _brief(seen: Instrument, needed: Iterable[float]) -> Iterable[str]:
    names = {quantile: name for name, quantile in QUANTILES.items()}
    for quantile in sorted(needed, reverse=True):
        if not enough(seen.answers, quantile):
            yield (
                f"{seen.answers:,} answers are too few for {names[quantile]}, "
                f"which needs {needed_answers(quantile):,}: run longer"
            )
            return
