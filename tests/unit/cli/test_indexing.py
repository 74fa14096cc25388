"""What the command says when the indexer has ended."""

import pytest

from services.cli.exit_codes import ExitCode, exit_code
from services.cli.indexing import failure


@pytest.mark.parametrize(
    ("status", "expected", "goes_on"),
    [
        (1, ExitCode.FAILED, False),
        (2, ExitCode.UNUSABLE_INPUT, False),
        (3, ExitCode.UNAVAILABLE, True),
        (130, ExitCode.FAILED, True),
        (-9, ExitCode.FAILED, True),
    ],
)
def test_a_failed_build_is_repeated_only_where_that_helps(status: int, expected: ExitCode, *, goes_on: bool) -> None:
    """A catalogue fault stays one; what was interrupted, or had no Triton, goes on where it stopped."""
    error = failure(status)
    assert exit_code(error) is expected
    assert ("goes on where" in error.message) is goes_on
