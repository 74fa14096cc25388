"""Logs are one JSON object per line where nobody watches."""

import json
import logging
import threading
from collections.abc import Iterator

import pytest
import structlog
from structlog.testing import capture_logs

from services.common.telemetry import LibraryHandler, configure_logging, get_logger
from tests.support.clocks import ManualClock


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    """Other tests get structlog as it was."""
    yield
    structlog.reset_defaults()


def test_a_line_is_json_with_service_level_and_time(capsys: pytest.CaptureFixture[str]) -> None:
    """A program can read every line."""
    configure_logging("bakery")

    get_logger().info("oven_lit", oven=3)

    line = json.loads(capsys.readouterr().err)
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "oven_lit", "oven": 3, "service": "bakery", "level": "info"}


def test_every_thread_s_lines_name_the_service(capsys: pytest.CaptureFixture[str]) -> None:
    """Those of gRPC's threads, too, which read certificates, and were started by nobody's context."""
    configure_logging("bakery")
    thread = threading.Thread(target=lambda: get_logger().info("files_reloaded"))
    thread.start()
    thread.join()
    assert json.loads(capsys.readouterr().err)["service"] == "bakery"


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


def test_bytes_that_a_library_complains_of_are_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """They come from whoever can reach the port, and may be a password; what the library says is there all the same."""
    configure_logging("bakery")

    try:
        b"hunter2\xff".decode()
    except UnicodeDecodeError:
        logging.getLogger("oven").exception("Invalid encoding on %s of %s", b"hunter2\xff", "a header")

    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["message"] == "Invalid encoding on 8 bytes of a header"
    assert "hunter2" not in line
    assert "Traceback" not in line


def test_what_libraries_say_is_held_to_a_rate() -> None:
    """A caller that makes gRPC say something a thousand times gets twenty lines; the next one tells of the others."""
    clock = ManualClock()
    handler = LibraryHandler(logging.WARNING, clock)
    smoke = logging.LogRecord("oven", logging.WARNING, "", 0, "smoke", (), None)
    with capture_logs() as lines:
        for _ in range(1_000):
            handler.handle(smoke)
        assert len(lines) == 20
        clock.advance(1.0)
        handler.handle(smoke)
    assert lines[-1]["messages_left_out"] == 980
