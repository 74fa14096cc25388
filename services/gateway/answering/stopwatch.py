"""Time per stage of one request. Pure: the clock is an argument."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from services.common.tracing import span


class Stopwatch:
    """Measures named stages, which may overlap, and the total since its making."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Start it; `clock` gives seconds."""
        self._clock = clock
        self._started = clock()
        self._seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure the body as the stage `name`, also when it raises; where the request is traced it is a span."""
        began = self._clock()
        try:
            with span(name):
                yield
        finally:
            self._seconds[name] = self._clock() - began

    def finish(self) -> Mapping[str, float]:
        """Return the seconds of each stage and of the "total" up to now."""
        return {**self._seconds, "total": self._clock() - self._started}
