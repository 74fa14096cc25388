"""Logs: one structured line per event on stderr, for people on a terminal and as JSON everywhere else."""

import logging
import sys
from typing import Literal

import structlog

from services.common.redaction import redacted
from services.common.requests import current_request, said_of

LogLevel = Literal["debug", "info", "warning", "error"]


def configure_logging(service: str, level: LogLevel = "info") -> None:
    """Set up structured logging for this process.

    Args:
        service: goes into every line.
        level: the least level that is written.
    """
    human = sys.stderr.isatty()
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if human else structlog.processors.JSONRenderer()
    )
    tracebacks: list[structlog.typing.Processor] = [] if human else [structlog.processors.format_exc_info]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            _add_request,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *tracebacks,
            _hide_secrets,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    structlog.contextvars.bind_contextvars(service=service)
    logging.basicConfig(handlers=[_LibraryHandler(logging.WARNING)], force=True)


def get_logger() -> structlog.typing.FilteringBoundLogger:
    """Return a logger; events are lower_snake_case names, everything else goes into key-value pairs."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger()
    return logger


class _LibraryHandler(logging.Handler):
    """Gives what libraries say by way of Python's own logging the form of all other lines."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        level = "error" if record.levelno >= logging.ERROR else "warning"
        getattr(get_logger(), level)(
            "library_message", library=record.name, message=record.getMessage(), exc_info=record.exc_info
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
