"""What a supervised process is, and what is known of one. Pure."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

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


def last_words(lines: Sequence[str]) -> str:
    """Return why a process of ours ended, from the last lines of its log: the failure it logged, else those lines."""
    for line in reversed(lines):
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict) and event.get("event") == "start_failed":
            return str(event.get("error", ""))
    return "\n".join(lines[-_LAST_LINES:]) or "it wrote no log"


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """How to run a process.

    Attributes:
        name: unique in the system; its log is `<name>.log`.
        kind: what it is.
        argv: the command line, tied to the life of whoever starts it.
        address: `host:port` that it will serve on.
        is_ready: tells whether it serves; raises AisleError when it never will.
        environment: all of its environment variables; None for ours.
        explain: tells from the last lines of its log why it ended.
        clean_up: removes what it leaves behind when it is killed.
    """

    name: str
    kind: Kind
    argv: tuple[str, ...]
    address: str
    is_ready: Callable[[], Awaitable[bool]]
    environment: Mapping[str, str] | None = None
    explain: Callable[[Sequence[str]], str] = last_words
    clean_up: Callable[[], None] = _nothing
