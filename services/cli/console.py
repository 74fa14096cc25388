"""Where the command writes: results on stdout, all else on stderr."""

import asyncio
import json
import signal
import sys
from collections.abc import Coroutine
from dataclasses import asdict
from typing import Any, TypeVar

from rich.console import Console

from services.client.types import SearchOutcome
from services.common.errors import AisleError

T = TypeVar("T")


def results() -> Console:
    """Return the console for results, for people."""
    return Console(highlight=False)


def messages() -> Console:
    """Return the console for progress, hints and errors."""
    return Console(stderr=True, highlight=False)


def print_json(value: object) -> None:
    """Write one line of JSON to stdout, for programs."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def say_error(error: AisleError) -> None:
    """Write an error as one clear message, with the field at fault and when to come back."""
    field = f" (field: {error.field})" if error.field and error.field not in error.message else ""
    later = f"; come back in {error.retry_after_seconds:g} s" if error.retry_after_seconds is not None else ""
    messages().print(f"[bold red]{error.reason}[/]", end=" ")
    messages().print(f"{error.message}{field}{later}", markup=False, soft_wrap=True)


def outcome_json(outcome: SearchOutcome) -> dict[str, Any]:
    """Return what became of a photo as JSON; its request id is the photo's path."""
    if outcome.error is not None:
        error = outcome.error
        told = {"code": error.code, "reason": error.reason, "message": error.message, "field": error.field}
        return {"photo": outcome.request_id, "error": told}
    return {"photo": outcome.request_id, "result": asdict(outcome.unwrap())}


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run the command's work; SIGTERM ends it as Ctrl-C does, so that everything it started is ended too.

    Raises:
        KeyboardInterrupt: it was told to end.
    """

    async def cancelled_by_sigterm() -> T:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await work

    try:
        return asyncio.run(cancelled_by_sigterm())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
