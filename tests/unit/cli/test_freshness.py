"""Waiting for a gateway: from the moment of publishing, until it answers from the snapshot or from a change of it."""

from collections.abc import Iterator
from typing import Self

import pytest

from services.cli import freshness
from services.cli.freshness import seconds_until_served
from services.common.errors import DeadlineExceeded, Unavailable

PARENTS = {"d": "c", "c": "b", "b": "a"}


class Gateway:
    """Serves one snapshot after the other, a look each; the last one for ever."""

    def __init__(self, served: list[str | Unavailable]) -> None:
        self._served = served

    def __call__(self, _target: str, _credentials: object) -> "Gateway":
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def catalog(self) -> "Gateway":
        return self

    @property
    def snapshot_id(self) -> str:
        served = self._served.pop(0) if len(self._served) > 1 else self._served[0]
        if isinstance(served, Unavailable):
            raise served
        return served


def _seconds(
    monkeypatch: pytest.MonkeyPatch, served: list[str | Unavailable], snapshot_id: str, patience_seconds: float = 60.0
) -> float:
    monkeypatch.setattr(freshness, "SyncAisleClient", Gateway(served))
    ticks: Iterator[int] = iter(range(100, 100_000))
    return seconds_until_served(
        "gateway:1",
        snapshot_id,
        97.5,
        patience_seconds,
        parent_of=lambda each: PARENTS.get(each, ""),
        clock=lambda: float(next(ticks)),
        sleep=lambda _: None,
    )


def test_the_time_begins_when_it_was_published(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not when somebody begins to wait: two and a half seconds have passed by then."""
    assert _seconds(monkeypatch, ["b"], "b") == 101 - 97.5
    assert _seconds(monkeypatch, ["a", Unavailable("starting"), "b"], "b") == 103 - 97.5


def test_a_change_of_it_has_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody has published again before anybody looked: the gateway never serves the snapshot itself."""
    assert _seconds(monkeypatch, ["a", "d"], "b") == 102 - 97.5


def test_what_is_no_change_of_it_is_waited_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one before, and one of another catalogue, have nothing of it."""
    for served in ("a", "x"):
        with pytest.raises(DeadlineExceeded, match=f"gateway:1 still serves {served}"):
            _seconds(monkeypatch, [served], "b", patience_seconds=5)
