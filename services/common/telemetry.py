"""Logs: one structured line per event on stderr, for people on a terminal and as JSON everywhere else."""

import logging
import sys
from typing import Literal

import structlog

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
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *tracebacks,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    structlog.contextvars.bind_contextvars(service=service)


def get_logger() -> structlog.typing.FilteringBoundLogger:
    """Return a logger; events are lower_snake_case names, everything else goes into key-value pairs."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger()
    return logger
