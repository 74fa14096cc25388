"""Logs are one JSON object per line where nobody watches."""

import json
from collections.abc import Iterator

import pytest
import structlog

from services.common.telemetry import configure_logging, get_logger


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    """Other tests get structlog as it was."""
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def test_a_line_is_json_with_service_level_and_time(capsys: pytest.CaptureFixture[str]) -> None:
    """A program can read every line."""
    configure_logging("bakery")

    get_logger().info("oven_lit", oven=3)

    line = json.loads(capsys.readouterr().err)
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "oven_lit", "oven": 3, "service": "bakery", "level": "info"}


def test_what_is_below_the_level_is_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    """`warning` keeps `info` out."""
    configure_logging("bakery", "warning")

    get_logger().info("oven_lit")

    assert capsys.readouterr().err == ""


def test_a_traceback_stays_on_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    """An exception is a field of the event, not lines of its own."""
    configure_logging("bakery")

    get_logger().error("burnt", exc_info=ValueError("too hot"))

    (line,) = capsys.readouterr().err.splitlines()
    assert "ValueError: too hot" in json.loads(line)["exception"]
