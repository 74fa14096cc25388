"""What a supervised process is, and what is known of one. Pure."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

_LAST_LINES = 5


class Kind(StrEnum):
    """The kinds of process."""

    TRITON = "triton"
    SEARCHER = "searcher"
    GATEWAY = "gateway"


START_WAVES = ((Kind.TRITON, Kind.SEARCHER), (Kind.GATEWAY,))
"""Who starts together: Triton and the searchers don't need each other, the gateway needs them all."""

STOP_WAVES = ((Kind.GATEWAY,), (Kind.SEARCHER,), (Kind.TRITON,))
"""Who is stopped together: nobody before those who call it."""


class State(StrEnum):
    """What a process is doing."""

    WAITING = "waiting"
    STARTING = "starting"
    SERVING = "serving"
    RESTARTING = "restarting"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """What is known of a process.

    Attributes:
        name: unique in the system.
        kind: what it is.
        state: what it is doing.
        address: `host:port` that it serves on.
        pid: of the running process; None when there is none.
        restarts: how often it was started again.
        log: its log file.
        detail: why it is in this state, for people; empty when all is well.
    """

    name: str
    kind: Kind
    state: State
    address: str
    pid: int | None
    restarts: int
    log: Path
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """How to run a process, which logs what `says_serving` and `last_words` understand.

    Attributes:
        name: unique in the system; its log is `<name>.log`.
        kind: what it is.
        argv: the command line, tied to the life of whoever starts it.
        address: `host:port` that it will serve on.
    """

    name: str
    kind: Kind
    argv: tuple[str, ...]
    address: str


def says_serving(log: Sequence[str]) -> bool:
    """Return whether a process of ours serves, by its own word; anybody may listen on its port."""
    return any(event.get("event") == "serving" for event in _events(log))


def failure_to_start(log: Sequence[str]) -> tuple[str, str]:
    """Return the reason and the text of the failure that a process of ours has logged; empty when it logged none."""
    failures = [event for event in _events(log) if event.get("event") == "start_failed"]
    return (str(failures[-1].get("reason", "")), str(failures[-1].get("error", ""))) if failures else ("", "")


def last_words(log: Sequence[str]) -> str:
    """Return why a process of ours ended, from the lines of its log: the failure it logged, else the last lines."""
    _, error = failure_to_start(log)
    return error or "\n".join(log[-_LAST_LINES:]) or "it wrote no log"


def _events(log: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Return the structured lines; tracebacks and a library's own output are none."""
    for line in log:
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict):
            yield event
