"""Lets calls in: who calls is told by token or certificate, may do only what it has the right to, and only so often."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, Final, Protocol

import grpc.aio

from services.common.errors import AisleError, PermissionDenied, RateLimited, Unauthenticated
from services.common.requests import current_request
from services.common.security.access import NOBODY, Access, Caller, right_for
from services.common.security.allowance import Allowance
from services.common.security.files import Reloading

Context = grpc.aio.ServicerContext[Any, Any]

_HEADER: Final = "authorization"
_SCHEME: Final = "bearer "
_LOOK_SECONDS: Final = 1.0
"""How long a stream waits at most until it looks whether its caller still may call, and how often."""


class AccessRecord(Protocol):
    """Hears of every call."""

    def came(self, caller: str, outcome: str) -> None:
        """Count a call.

        Args:
            caller: its name in the access file, or `NOBODY`.
            outcome: `admitted`, or the reason of the error in lower case.
        """
        ...


class Gatekeeper:
    """Decides for each call. Use it in one event loop."""

    def __init__(
        self, access: Reloading[Access], record: AccessRecord, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Create it.

        Args:
            access: who may call; what it says now holds for the next call, and for the next message of a stream.
            record: hears of every call.
            clock: seconds, monotonic.
        """
        self._access = access
        self._record = record
        self._clock = clock
        # By the caller's name and what holds for it: another rate begins with a full burst.
        self._allowances: dict[tuple[str, float, float], Allowance] = {}

    def admit(self, method: str, context: Context, *, is_stream: bool) -> Caller:
        """Return who calls.

        Args:
            method: its full name.
            context: the call's.
            is_stream: whether its messages count, by `paced`, and not the call.

        Raises:
            Unauthenticated: nobody that the access file has.
            PermissionDenied: it lacks the right to this method.
            RateLimited: it has called too often of late.
        """
        caller = self._let_in(method, context, charges=not is_stream)
        self._record.came(caller.name, "admitted")
        return caller

    async def paced(self, method: str, context: Context, requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
        """Yield a stream's messages no faster than its caller may call: by flow control it sends no faster, either.

        Raises:
            Unauthenticated, PermissionDenied: the access file has changed, and the caller may not call any more.
        """
        access, caller = None, None
        async for request in requests:
            while True:
                if caller is None or access is not self._access.value:
                    access = self._access.value
                    caller = self._let_in(method, context, charges=False)
                wait_seconds = self._wait_seconds(caller)
                if not wait_seconds:
                    break
                await asyncio.sleep(min(wait_seconds, _LOOK_SECONDS))
            yield request

    def _let_in(self, method: str, context: Context, *, charges: bool) -> Caller:
        """Return who calls, and count whoever is refused; `charges` takes one of its calls."""
        caller: Caller | None = None
        try:
            caller = self._caller(context)
            _note(caller.name)
            right = right_for(method)
            if right not in caller.rights:
                raise PermissionDenied(f"caller {caller.name} has not the right {right.value!r}, which {method} needs")
            if charges:
                self._charge(caller)
        except AisleError as refusal:
            self._record.came(NOBODY if caller is None else caller.name, refusal.reason.lower())
            raise
        return caller

    def _caller(self, context: Context) -> Caller:
        access = self._access.value
        sent = next((value for key, value in context.invocation_metadata() or () if key == _HEADER), None)
        if sent is not None:
            word = sent if isinstance(sent, str) else ""
            known = access.with_token(word[len(_SCHEME) :]) if word.lower().startswith(_SCHEME) else None
            if known is None:
                raise Unauthenticated("the token is not known here, or not any more; send one that the access file has")
            return known
        names = [name.decode("utf-8", "replace") for name in context.peer_identities() or ()]
        known = access.with_certificate(names)
        if known is None:
            what = f"nobody here has a certificate for {', '.join(names[:4])}" if names else "no token was sent"
            raise Unauthenticated(f"{what}; send `authorization: Bearer TOKEN`, or present a certificate that is known")
        return known

    def _charge(self, caller: Caller) -> None:
        wait_seconds = self._wait_seconds(caller)
        if wait_seconds:
            raise RateLimited(
                f"caller {caller.name} may call {caller.calls_per_second:g} times a second",
                retry_after_seconds=wait_seconds,
            )

    def _wait_seconds(self, caller: Caller) -> float:
        """Take one of the caller's calls and return 0, or return the seconds until there is one."""
        if caller.calls_per_second is None:
            return 0.0
        rule = caller.name, caller.calls_per_second, caller.most_at_once
        allowance = self._allowances.get(rule)
        if allowance is None:
            allowance = self._allowances[rule] = Allowance(*rule[1:], self._clock)
        return allowance.take()


def _note(caller: str) -> None:
    """Have the request's line in the log name the caller."""
    request = current_request()
    if request is not None:
        request.facts["caller"] = caller
