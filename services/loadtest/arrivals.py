"""When photos are sent: seeded schedules of intended times, decided before the first one is sent. Pure.

An open loop sends at these times whatever becomes of the photos before. A rate that changes is a row of pieces, in
each of which it goes from one value to another in a straight line.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from services.common.errors import SettingsInvalid
from services.common.settings import Settings

MOST_PHOTOS: Final = 20_000_000
"""In one schedule: it is held in memory."""

Rate = Annotated[float, Field(gt=0, le=100_000, allow_inf_nan=False)]
Seconds = Annotated[float, Field(gt=0, le=7 * 24 * 3600, allow_inf_nan=False)]


class Constant(Settings):
    """One photo after the other, at equal distances."""

    kind: Literal["constant"] = "constant"
    rate: Rate
    """Photos a second."""
    seconds: Seconds
    """How long."""


class Poisson(Settings):
    """As independent people come: the distances are random, and the mean rate is kept."""

    kind: Literal["poisson"] = "poisson"
    rate: Rate
    """Photos a second, on average."""
    seconds: Seconds
    """How long."""


class Step(Settings):
    """One rate after the other."""

    kind: Literal["step"] = "step"
    rates: Annotated[tuple[Rate, ...], Field(min_length=1)]
    """Photos a second, step by step."""
    seconds_each: Seconds
    """How long each step takes."""
    even: bool = False
    """Whether the distances are equal; by default they are random, as in `poisson`."""


class Ramp(Settings):
    """From one rate to another, in a straight line."""

    kind: Literal["ramp"] = "ramp"
    from_rate: Annotated[float, Field(ge=0, le=100_000)]
    """Photos a second at the beginning."""
    to_rate: Rate
    """Photos a second at the end."""
    seconds: Seconds
    """How long."""
    even: bool = False
    """As in `step`."""


class Spike(Settings):
    """One rate, and in the middle of it another for a while."""

    kind: Literal["spike"] = "spike"
    rate: Rate
    """Photos a second before and after."""
    peak_rate: Rate
    """Photos a second in between."""
    before_seconds: Seconds
    """How long it takes until the spike."""
    peak_seconds: Seconds
    """How long the spike lasts."""
    after_seconds: Seconds
    """How long it goes on."""
    even: bool = False
    """As in `step`."""


class Replay(Settings):
    """The times of a file, such as those of a real evening."""

    kind: Literal["replay"] = "replay"
    file: Path
    """A time per line, in seconds from any beginning."""
    speed: Annotated[float, Field(gt=0, le=1000)] = 1.0
    """2 sends twice as fast as it was."""


Arrivals = Annotated[Constant | Poisson | Step | Ramp | Spike | Replay, Field(discriminator="kind")]


@dataclass(frozen=True, slots=True)
class Piece:
    """A time in which the rate goes from `start` to `end`, photos a second, in a straight line."""

    seconds: float
    start: float
    end: float

    @property
    def photos(self) -> float:
        """How many are expected in it."""
        return self.seconds * (self.start + self.end) / 2


def send_times(arrivals: Arrivals, seed: int, recorded: Sequence[float] = ()) -> NDArray[np.float64]:
    """Return when each photo is to be sent: rising seconds from the start, float64 `(photos,)`.

    Args:
        arrivals: the schedule.
        seed: decides what is random in it; the same seed gives the same times.
        recorded: the times of a replay's file, see `recorded_times`.

    Raises:
        SettingsInvalid: there would be more than `MOST_PHOTOS`.
    """
    if isinstance(arrivals, Replay):
        return np.asarray(recorded, np.float64) / arrivals.speed
    pieces = pieces_of(arrivals)
    expected = sum(piece.photos for piece in pieces)
    if expected > MOST_PHOTOS:
        raise SettingsInvalid(
            f"arrivals: {expected:,.0f} photos are more than one run holds ({MOST_PHOTOS:,}); ask for less",
            field="arrivals",
        )
    even = isinstance(arrivals, Constant) or (isinstance(arrivals, Step | Ramp | Spike) and arrivals.even)
    return _inverted(pieces, np.arange(expected - 1e-9) if even else _unit_poisson(expected, seed))


def pieces_of(arrivals: Arrivals) -> tuple[Piece, ...]:
    """Return the rate over time; of a replay nothing, for its file alone knows."""
    match arrivals:
        case Constant() | Poisson():
            return (Piece(arrivals.seconds, arrivals.rate, arrivals.rate),)
        case Step():
            return tuple(Piece(arrivals.seconds_each, rate, rate) for rate in arrivals.rates)
        case Ramp():
            return (Piece(arrivals.seconds, arrivals.from_rate, arrivals.to_rate),)
        case Spike():
            return (
                Piece(arrivals.before_seconds, arrivals.rate, arrivals.rate),
                Piece(arrivals.peak_seconds, arrivals.peak_rate, arrivals.peak_rate),
                Piece(arrivals.after_seconds, arrivals.rate, arrivals.rate),
            )
        case Replay():
            return ()


def duration_seconds(arrivals: Arrivals, recorded: Sequence[float] = ()) -> float:
    """Return how long the schedule takes."""
    if isinstance(arrivals, Replay):
        return recorded[-1] / arrivals.speed if recorded else 0.0
    return sum(piece.seconds for piece in pieces_of(arrivals))


def warm_up_times(arrivals: Arrivals, seconds: float, seed: int, recorded: Sequence[float] = ()) -> NDArray[np.float64]:
    """Return times before the start, negative, at the rate with which the schedule begins: they count for nothing."""
    pieces = pieces_of(arrivals)
    rate = pieces[0].start if pieces else len(recorded) / max(1.0, duration_seconds(arrivals, recorded))
    return _unit_poisson(rate * seconds, seed) / rate - seconds


def recorded_times(text: str, where: str) -> tuple[float, ...]:
    """Return the times of a replay's file, in order, from 0 on; empty lines and lines that begin with # say nothing.

    Args:
        text: what the file holds.
        where: its name, for the error.

    Raises:
        SettingsInvalid: a line that is no number, or not a single one; the message names it.
    """
    times = list[float]()
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            try:
                times.append(float(line))
            except ValueError:
                raise SettingsInvalid(f"{where}, line {number}: {line[:40]!r} is no time in seconds") from None
    if len(times) < 2 or not np.isfinite(times).all() or min(times) == max(times):  # noqa: PLR2004 - a distance has two ends
        raise SettingsInvalid(f"{where}: a replay needs at least two different times, one a line")
    return tuple(time - min(times) for time in sorted(times))


def _unit_poisson(expected: float, seed: int) -> NDArray[np.float64]:
    """Return the times of a Poisson process of rate 1 up to `expected`."""
    rng = np.random.default_rng(seed)
    most = int(expected + 10 * np.sqrt(expected) + 20)  # more are less likely than a wrong bit in memory
    times = np.cumsum(rng.exponential(size=most))
    return times[times < expected]


def _inverted(pieces: Sequence[Piece], expected: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return when as many photos are expected to have been sent: the inverse of the rate's integral.

    It makes a process of changing rate from one of rate 1 (time rescaling; Brown et al., Neural Computation 14, 2002).
    """
    ends = np.cumsum([piece.photos for piece in pieces])
    times = np.empty_like(expected)
    place = np.minimum(np.searchsorted(ends, expected, side="right"), len(pieces) - 1)
    began = 0.0
    for number, piece in enumerate(pieces):
        here = place == number
        into = expected[here] - (ends[number] - piece.photos)
        slope = (piece.end - piece.start) / piece.seconds
        # The root of start t + slope t^2 / 2 = into, in the form that does not cancel for small slopes.
        root = np.sqrt(np.maximum(piece.start**2 + 2 * slope * into, 0.0))
        with np.errstate(invalid="ignore"):
            times[here] = began + np.where(into > 0, 2 * into / (piece.start + root), 0.0)
        began += piece.seconds
    return np.minimum(times, began)
