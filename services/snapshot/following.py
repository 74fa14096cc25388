"""Following CURRENT: what it names is taken up beside what is served, and tried again where that may help."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Final, Protocol

from services.common.errors import AisleError, Internal, Unavailable
from services.common.telemetry import get_logger

_log = get_logger()

_NOT_YET_SECONDS: Final = (0.1, 1.0)
"""First and longest pause before something is asked again that will soon be so."""
_TROUBLE_SECONDS: Final = (1.0, 60.0)
"""First and longest pause after an error that may pass by itself."""


class Adopter(Protocol):
    """Serves one snapshot and can move to another."""

    async def adopt(self, snapshot_id: str) -> bool:
        """Move to a snapshot; what is served until then stays served when this fails or is cancelled.

        Returns:
            Whether it is served now; if not, it is worth asking again soon.

        Raises:
            Unavailable, or no AisleError: not at the moment, or by a defect; it is tried again.
            AisleError: it can't be served; it is not tried again before CURRENT changes.
        """
        ...

    def refused(self, snapshot_id: str, error: AisleError) -> None:
        """Hear why it is not served: once for each reason, however often it is tried."""
        ...


class Following:
    """Reads CURRENT again and again, and has what it names adopted; make it and close it in one event loop.

    Whatever CURRENT names last counts: an adoption that is under way is cancelled when it changes.
    """

    def __init__(
        self,
        current_id: Callable[[], Awaitable[str]],
        adopter: Adopter,
        *,
        served_id: str,
        period_seconds: float,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Begin.

        Args:
            current_id: reads CURRENT; raises AisleError when that is not possible.
            adopter: what follows.
            served_id: the snapshot that is served now.
            period_seconds: time between two looks at CURRENT, above 0.
            sleep: waits so many seconds.
        """
        self._current_id = current_id
        self._adopter = adopter
        self._wanted = served_id
        self._period_seconds = period_seconds
        self._sleep = sleep
        self._trouble = ""
        self._adopting: asyncio.Task[None] | None = None
        self._watching = asyncio.create_task(self._watch(), name="following")

    async def close(self) -> None:
        """End; when this returns, nothing is being adopted."""
        self._watching.cancel()
        await asyncio.gather(self._watching, return_exceptions=True)
        await self._give_up()

    async def _watch(self) -> None:
        while True:
            await self._sleep(self._period_seconds)
            current = await self._read()
            if current is not None and current != self._wanted:
                await self._give_up()
                self._wanted = current
                self._adopting = asyncio.create_task(self._adopt(current), name=f"adopting {current}")

    async def _read(self) -> str | None:
        """Return what CURRENT names, None when it can't be read; that is said once, until it can be again."""
        try:
            current = await self._current_id()
        except AisleError as error:
            if self._is_news(error):
                _log.warning("current_unreadable", reason=error.reason, error=error.message, wanted=self._wanted)
        except Exception as error:  # noqa: BLE001 - nobody awaits this task: ended by a defect, it would follow no more
            if self._is_news(error):
                _log.error("current_unreadable", exc_info=error, reason=Internal.reason, wanted=self._wanted)
        else:
            self._trouble = ""
            return current
        return None

    def _is_news(self, error: Exception) -> bool:
        """Return whether the look before went well, or failed for another reason."""
        before, self._trouble = self._trouble, repr(error)
        return self._trouble != before

    async def _give_up(self) -> None:
        if self._adopting is not None:
            self._adopting.cancel()
            await asyncio.gather(self._adopting, return_exceptions=True)
            self._adopting = None

    async def _adopt(self, snapshot_id: str) -> None:
        not_yet, trouble = _pauses(*_NOT_YET_SECONDS), _pauses(*_TROUBLE_SECONDS)
        said = ""
        while True:
            error: AisleError
            try:
                if await self._adopter.adopt(snapshot_id):
                    return
                await self._sleep(next(not_yet))
                continue
            except AisleError as refusal:
                error = refusal
            except Exception as defect:  # noqa: BLE001 - nobody awaits this task: what is not logged here is lost
                error = Internal(f"{type(defect).__name__}: {defect}")
                if error.message != said:
                    _log.exception("adopting_failed", snapshot_id=snapshot_id)
            if error.message != said:
                said = error.message
                self._adopter.refused(snapshot_id, error)
            if not may_pass(error):
                return
            del error  # its traceback holds what was loaded when it came
            await self._sleep(next(trouble))


def may_pass(error: AisleError) -> bool:
    """Return whether what speaks against a snapshot may pass by itself: the storage's trouble, or a defect of ours."""
    return isinstance(error, (Unavailable, Internal))


def _pauses(first_seconds: float, longest_seconds: float) -> Iterator[float]:
    """Yield pauses for ever, each twice as long as the one before."""
    seconds = first_seconds
    while True:
        yield seconds
        seconds = min(longest_seconds, 2 * seconds)
