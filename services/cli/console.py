"""Where the command writes: results on stdout, all else on stderr."""

import asyncio
import json
import os
import shutil
import signal
import sys
from collections.abc import Coroutine, Iterable
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from services.common.errors import AisleError
from services.common.visible_text import visible, visible_json

T = TypeVar("T")


class _SafeConsole(Console):
    """Shows whatever a text holds, where rich hands most control characters on to the terminal."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=visible(segment.text))


def results() -> Console:
    """Return the console for results, for people."""
    return _SafeConsole(highlight=False)


def messages() -> Console:
    """Return the console for progress, hints and errors."""
    return _SafeConsole(stderr=True, highlight=False)


def print_json(value: object) -> None:
    """Write one line of JSON to stdout, for programs."""
    sys.stdout.write(visible_json(json.dumps(value, ensure_ascii=False)) + "\n")
    sys.stdout.flush()


def say_error(error: AisleError) -> None:
    """Write an error as one clear message, with the field at fault and when to come back."""
    field = f" (field: {error.field})" if error.field and error.field not in error.message else ""
    later = f"; come back in {error.retry_after_seconds:g} s" if error.retry_after_seconds is not None else ""
    _say(error.reason, f"{error}{field}{later}")


def say_os_error(error: OSError) -> None:
    """Write what the system refused, a full disk say, with the file it is about."""
    file = f"{error.filename}: " if error.filename else ""
    _say("OS_ERROR", f"{file}{error.strerror or error}")


def _say(reason: str, message: str) -> None:
    messages().print(f"[bold red]{reason}[/]", end=" ")
    messages().print(message, markup=False, soft_wrap=True)


def program() -> str:
    """Return the words that start this program from here, for hints that can be copied: `make` puts it on no PATH."""
    started = Path(sys.argv[0])
    if started.name == "__main__.py":
        return f"{_from_here(Path(sys.executable))} -m {__package__}"
    if shutil.which(started.name) == str(started.absolute()):
        return started.name
    return _from_here(started)


def _from_here(path: Path) -> str:
    relative = os.path.relpath(path)
    below = os.sep in relative and not relative.startswith(os.pardir)
    return relative if below else str(path.absolute())


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
