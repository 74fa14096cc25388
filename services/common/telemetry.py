"""Logs: one structured line per event on stderr, for people on a terminal and as JSON everywhere else."""

import logging
import sys
import time
from collections.abc import Callable
from typing import Final, Literal

import structlog

from services.common.redaction import redacted
from services.common.requests import current_request, said_of
from services.common.security.allowance import Allowance

LogLevel = Literal["debug", "info", "warning", "error"]
_LIBRARIES_A_SECOND: Final = 1.0
_LIBRARIES_BURST: Final = 20.0


def configure_logging(service: str, level: LogLevel = "info") -> None:
    """Set up structured logging for this process.

    Args:
        service: goes into every line.
        level: the least level that is written.
    """
    human = sys.stderr.isatty()
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if human
        else structlog.processors.JSONRenderer()
    )
    tracebacks: list[structlog.typing.Processor] = [] if human else [structlog.processors.format_exc_info]
    structlog.configure(
        processors=[
            _add_request,
            lambda _, __, line: {"service": service, **line},  # no context: gRPC's threads write lines, too
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *tracebacks,
            _hide_secrets,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    logging.basicConfig(handlers=[LibraryHandler(logging.WARNING)], force=True)


def get_logger() -> structlog.typing.FilteringBoundLogger:
    """Return a logger; events are lower_snake_case names, everything else goes into key-value pairs."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger()
    return logger


class LibraryHandler(logging.Handler):
    """Gives what libraries say by way of Python's own logging the form of all other lines, and holds them to a rate.

    gRPC says of each header that is no UTF-8 what it holds, which may be a password of whoever can reach the port, and
    once for every header that it is sent. Bytes are therefore told by their number, and without a traceback.
    """

    def __init__(self, level: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Create it; `clock` gives seconds, monotonic."""
        super().__init__(level)
        self._allowance = Allowance(_LIBRARIES_A_SECOND, _LIBRARIES_BURST, clock)
        self._left_out = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, if there is room; whoever calls it holds this handler's lock."""
        if self._allowance.take() > 0.0:
            self._left_out += 1
            return
        facts = {"messages_left_out": self._left_out} if self._left_out else {}
        self._left_out = 0
        if isinstance(record.args, tuple) and any(isinstance(each, bytes) for each in record.args):
            record.args = tuple(f"{len(each)} bytes" if isinstance(each, bytes) else each for each in record.args)
            record.exc_info = None
        level = "error" if record.levelno >= logging.ERROR else "warning"
        getattr(get_logger(), level)(
            "library_message", library=record.name, message=record.getMessage(), exc_info=record.exc_info, **facts
        )


def _add_request(
    _: structlog.typing.WrappedLogger, __: str, line: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    request = current_request()
    return line if request is None else {**said_of(request), **line}


def _hide_secrets(
    _: structlog.typing.WrappedLogger, __: str, line: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    hidden: structlog.typing.EventDict = redacted(line)
    return hidden
