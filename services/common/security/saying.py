"""Says in the log what became of files that changed, and of work in the background.

The logs are imported when there is something to say: the Python client, which has no log otherwise, starts the sooner.
"""

from typing import Any, Literal


def say(level: Literal["info", "warning", "exception"], event: str, **facts: Any) -> None:
    """Write a line; `event` is in lower_snake_case, and an exception is the one that is being handled."""
    from services.common.telemetry import get_logger  # noqa: PLC0415 - see above

    getattr(get_logger(), level)(event, **facts)
