"""What the tests of commands share."""

from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """A command sets logging up for its process, which here is that of all tests."""
    yield
    structlog.reset_defaults()
