"""The request that is being handled: its id, what is worth saying about it, and how it ended. Pure.

Whatever has something to say while a request is handled adds it to the request, so that there is one line in the log
for each, and not one for every shard that was lost on the way.
"""

import re
import time
import traceback
import uuid
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar, Token
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Literal, Self

REQUEST_ID: Final = "x-request-id"
"""The metadata in which a caller may send its id, and in which the answer carries it."""
_MOST_REMARKS: Final = 8
"""An answer of five hundred shards may lose them all; the first few tell why."""
_SOUND_ID: Final = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}\Z")

Level = Literal["info", "warning", "error"]
_LEVELS: Final[tuple[Level, ...]] = ("info", "warning", "error")


@dataclass(slots=True)
class Request:
    """One request, from when it came until it is answered; as a context it is the current one of its task.

    Attributes:
        id: the caller's, or one of ours.
        method: what was called, without the service's name.
        clock: seconds, monotonic.
        ended: hears of its end.
        part_ended: hears of the end of each of its parts, if it is a stream of requests.
        trace_id: of its spans; empty when it is not traced.
        code: name of the gRPC status code that it ended with.
        reason: of the error; empty when there was none.
        facts: what else its line says.
        remarks: what went wrong on its way, in the order of events.
        further_remarks: how many more there were than are kept.
        level: of its line.
        began: the clock's reading when it came.
    """

    id: str
    method: str
    clock: Callable[[], float]
    ended: "Callable[[Request], None]"
    part_ended: "Callable[[Request], None]"
    trace_id: str = ""
    code: str = "OK"
    reason: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    remarks: list[dict[str, Any]] = field(default_factory=list)
    further_remarks: int = 0
    level: Level = "info"
    began: float = field(init=False)
    _token: Token["Request | None"] | None = None
    _is_open: bool = True

    def __post_init__(self) -> None:
        self.began = self.clock()

    def __enter__(self) -> Self:
        self._token = _CURRENT.set(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        assert self._token is not None
        with suppress(ValueError):  # a stream that its caller left is closed by the event loop, from another context
            _CURRENT.reset(self._token)
        self._is_open = False
        self.ended(self)

    @property
    def seconds(self) -> float:
        """How long ago it came."""
        return self.clock() - self.began

    def part(self, request_id: str) -> "Request":
        """Begin one request of a stream, under the id that its message has."""
        of_stream = (self.method, self.clock, self.part_ended, _unheard, self.trace_id)
        return Request(request_id_of(request_id), *of_stream)

    def failed(self, code: str, reason: str) -> None:
        """Note the error that it ends with."""
        self.code, self.reason = code, reason

    def add(self, event: str, level: Level, facts: dict[str, Any]) -> bool:
        """Keep a remark for its line; False when the line is written already: then it needs one of its own."""
        if not self._is_open:
            return False
        self.level = max(self.level, level, key=_LEVELS.index)
        if len(self.remarks) < _MOST_REMARKS:
            self.remarks.append({"event": event, **facts})
        else:
            self.further_remarks += 1
        return True


_CURRENT: ContextVar[Request | None] = ContextVar("request", default=None)


def current_request() -> Request | None:
    """Return the request that this task works for; None for what nobody waits for."""
    return _CURRENT.get()


def part_of_stream(request_id: str) -> Request:
    """Begin one request of the stream that is being handled; where nobody observes that, nobody hears of it either."""
    stream = _CURRENT.get() or Request("", "", time.monotonic, _unheard, _unheard)
    return stream.part(request_id)


def is_sound_id(request_id: str) -> bool:
    """Return whether an id is fit for a log: 1 to 128 letters, digits and `._:/+=-`."""
    return _SOUND_ID.match(request_id) is not None


def request_id_of(sent: str | None) -> str:
    """Return the id that a caller sent when it is fit for a log, else a new one."""
    return sent if sent is not None and is_sound_id(sent) else uuid.uuid4().hex


def mention(**facts: Any) -> None:
    """Add facts to the line of the current request, if there is one and it gets a line."""
    request = _CURRENT.get()
    if request is not None:
        request.facts.update(facts)


def said_of(request: Request) -> dict[str, str]:
    """Return what every line that is written for a request says of it."""
    traced = {"trace_id": request.trace_id} if request.trace_id else {}
    return {"request_id": request.id, **traced}


def remark(
    log: Any, event: str, *, level: Level = "warning", defect: BaseException | None = None, **facts: Any
) -> None:
    """Say something on a request's line, or on a line of its own where no request is handled.

    Args:
        log: the logger of the caller.
        event: lower_snake_case.
        level: of the line, at least.
        defect: an error whose traceback is wanted.
        **facts: what else there is to say.
    """
    if defect is not None:
        facts["exception"] = "".join(traceback.format_exception(defect)).rstrip()
    request = _CURRENT.get()
    if request is None or not request.add(event, level, facts):
        getattr(log, level)(event, **facts)


def _unheard(_: Request) -> None:
    """Hear nothing: what has no parts has no part that ends, and what nobody observes nobody writes down."""
