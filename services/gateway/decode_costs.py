"""What decoding takes at best, per pixel: so that a photo that can't be decoded in time is not begun. Pure."""

from collections.abc import Callable, Hashable

_LEAST_PIXELS = 1_000_000
_KEPT_SECONDS = 10.0


class DecodeCosts:
    """The least that large photos took of late; of small ones, all is overhead, and none of it matters.

    The least, for a thread that had to wait for its core says nothing about the next photo. What is known is forgotten
    after some seconds: then one photo is tried again, whatever it took before.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        """Know nothing yet; `clock` gives seconds, monotonic."""
        self._clock = clock
        self._least: dict[Hashable, tuple[float, float]] = {}

    def add(self, kind: Hashable, pixels: int, seconds: float) -> None:
        """Note what a photo took.

        Args:
            kind: what it was and how it was decoded; other kinds take other times.
            pixels: of the encoded picture.
            seconds: for decoding it.
        """
        if pixels < _LEAST_PIXELS:
            return
        known = self._known(kind)
        if known is None or seconds / pixels <= known:
            self._least[kind] = (self._clock(), seconds / pixels)

    def seconds(self, kind: Hashable, pixels: int) -> float:
        """Return the least that a photo will take, seconds; 0 where that is not known."""
        return (self._known(kind) or 0.0) * pixels if pixels >= _LEAST_PIXELS else 0.0

    def _known(self, kind: Hashable) -> float | None:
        at, least = self._least.get(kind, (float("-inf"), 0.0))
        return least if self._clock() - at <= _KEPT_SECONDS else None
