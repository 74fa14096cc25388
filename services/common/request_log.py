"""The line that a request leaves in the log: one at most, and not more a second than somebody can read."""

import time
from collections import defaultdict
from collections.abc import Callable
from typing import Final, Literal

from services.common.requests import Level, Request, said_of
from services.common.security.allowance import Allowance
from services.common.telemetry import get_logger

_log = get_logger()

Which = Literal["all", "notable", "none"]
"""Which requests leave a line; notable are errors, and what was answered with less than there is."""
_A_SECOND: Final = 5.0
_BURST: Final = 50.0
"""Of each status code: under overload a gateway refuses thousands a second, and strangers may ask for as many refusals
as they like. Neither must crowd out the one defect."""
_CALLERS_FAULT: Final = frozenset({"INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION", "CANCELLED"})
_OURS: Final = frozenset({"INTERNAL", "UNKNOWN"})


class RequestLog:
    """Writes the lines. Notable ones are held to a rate for each code; all of them, when asked for, are not."""

    def __init__(self, which: Which, clock: Callable[[], float] = time.monotonic) -> None:
        """Create it; `clock` gives seconds, monotonic."""
        self._which = which
        self._allowances = defaultdict[str, Allowance](lambda: Allowance(_A_SECOND, _BURST, clock))
        self._left_out = 0

    def write(self, request: Request) -> None:
        """Write the line of a request that has ended, if it is to have one."""
        is_notable = request.code != "OK" or bool(request.remarks)
        if self._which == "none" or (self._which == "notable" and not (is_notable and self._has_room(request))):
            return
        facts = dict(request.facts)
        if request.reason:
            facts["reason"] = request.reason
        if request.remarks:
            facts["remarks"] = request.remarks
        if request.further_remarks:
            facts["further_remarks"] = request.further_remarks
        if self._left_out:
            facts["requests_left_out"], self._left_out = self._left_out, 0
        getattr(_log, _level(request))(
            "request",
            **said_of(request),
            method=request.method,
            code=request.code,
            seconds=round(request.seconds, 4),
            **facts,
        )

    def _has_room(self, request: Request) -> bool:
        is_full = self._allowances[request.code].take() > 0.0
        self._left_out += is_full
        return not is_full


def _level(request: Request) -> Level:
    if request.code in _OURS:
        return "error"
    if request.level == "info" and request.code != "OK" and request.code not in _CALLERS_FAULT:
        return "warning"
    return request.level
