"""Says in the log what became of files that changed.

The logs are imported when there is something to say: the Python client, which has no log otherwise, starts the sooner.
"""

from typing import Any, Literal


def say(level: Literal["info", "warning"], event: str, **facts: Any) -> None:
    """Write a line; `event` is in lower_snake_case."""
    from services.common.telemetry import get_logger  # noqa: PLC0415 - see above

    getattr(get_logger(), level)(event, **facts)
