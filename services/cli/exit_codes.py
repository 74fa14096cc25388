"""What the command's exit status means. Pure."""

from enum import IntEnum

from services.common.errors import (
    AisleError,
    DeadlineExceeded,
    ImageTooLarge,
    InvalidArgument,
    Overtaken,
    ResourceExhausted,
    Unavailable,
)


class ExitCode(IntEnum):
    """Exit statuses, for programs."""

    OK = 0
    FAILED = 1
    UNUSABLE_INPUT = 2
    UNAVAILABLE = 3
    PARTIAL = 4
    INVALID = 5
    MISSED = 6
    OVERTAKEN = 7
    INTERRUPTED = 130


EXIT_CODES_HELP = """
Exit status:

0 done; 1 failed; 2 unusable options, files or photos: mend them;

3 nobody serves, or not in time: come back later; 4 done in part: shards or photos are missing;

5 measured, but not to be believed; 6 measured, and the objective was missed;

7 not published, for another snapshot was meanwhile; 130 interrupted
"""


def exit_code(error: AisleError) -> ExitCode:
    """Return the exit status that tells a program what to do about an error: mend the input, come back, or look."""
    match error:
        case InvalidArgument() | ImageTooLarge():
            return ExitCode.UNUSABLE_INPUT
        case Unavailable() | DeadlineExceeded() | ResourceExhausted():
            return ExitCode.UNAVAILABLE
        case Overtaken():
            return ExitCode.OVERTAKEN
        case _:
            return ExitCode.FAILED
