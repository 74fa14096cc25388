"""A stream that its caller leaves ends in the handler too, at once."""

from collections.abc import AsyncIterator
from typing import Any

from services.common.interceptors import ErrorInterceptor


async def test_a_stream_that_is_left_closes_its_handler() -> None:
    """What the handler holds is let go when the stream ends, not when garbage is collected."""
    events = []

    async def handle(_requests: Any, _context: Any) -> AsyncIterator[str]:
        try:
            yield "first"
            yield "second"
        finally:
            events.append("let go")

    guarded = ErrorInterceptor(lambda: True)._guard_stream("/aisle.Test/Stream", handle)
    responses = guarded(None, None)
    assert await anext(responses) == "first"
    await responses.aclose()
    assert events == ["let go"]
