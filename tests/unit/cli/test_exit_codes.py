"""What the exit status tells a program."""

import pytest

from services.cli.commands.search import exit_code_of
from services.cli.exit_codes import ExitCode, exit_code
from services.client import SearchOutcome
from services.client.conversion import from_response
from services.common.errors import (
    AisleError,
    DeadlineExceeded,
    ImageTooLarge,
    ImageUnreadable,
    NotServing,
    Overloaded,
    Overtaken,
    SnapshotInvalid,
    SnapshotNotFound,
)
from tests.support.answers import answer_of

WHOLE = SearchOutcome("whole", result=from_response(answer_of("p", partial=False)))
PARTIAL = SearchOutcome("partial", result=from_response(answer_of("p", partial=True)))
UNREADABLE = SearchOutcome("bad", error=ImageUnreadable("no"))
LATE = SearchOutcome("late", error=DeadlineExceeded("no"))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ImageUnreadable("x"), ExitCode.UNUSABLE_INPUT),
        (ImageTooLarge("x"), ExitCode.UNUSABLE_INPUT),
        (NotServing("x"), ExitCode.UNAVAILABLE),
        (Overloaded("x"), ExitCode.UNAVAILABLE),
        (DeadlineExceeded("x"), ExitCode.UNAVAILABLE),
        (SnapshotNotFound("x"), ExitCode.FAILED),
        (SnapshotInvalid("x"), ExitCode.FAILED),
        (Overtaken("x"), ExitCode.OVERTAKEN),
        (AisleError("x"), ExitCode.FAILED),
    ],
)
def test_errors_say_what_to_do(error: AisleError, expected: ExitCode) -> None:
    """Mend the input, come back later, or look what is wrong."""
    assert exit_code(error) is expected


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ([WHOLE, WHOLE], ExitCode.OK),
        ([WHOLE, PARTIAL], ExitCode.PARTIAL),
        ([WHOLE, UNREADABLE], ExitCode.PARTIAL),
        ([UNREADABLE], ExitCode.UNUSABLE_INPUT),
        ([LATE, UNREADABLE], ExitCode.UNAVAILABLE),
    ],
)
def test_photos_done_in_part_are_told_from_none_done(outcomes: list[SearchOutcome], expected: ExitCode) -> None:
    """When all failed, the first one's error counts."""
    assert exit_code_of(outcomes) is expected
