"""The process `python -m services.loadtest`: a load test in a container, say, as a job before a release."""

import sys
from collections.abc import Sequence


def main(argv: Sequence[str]) -> int:
    """Test and write the report; the exit statuses are those of `aisle loadtest`."""
    try:
        # Here, for it takes a second, in which Ctrl-C is no error either.
        from services.loadtest.command import carry_out  # noqa: PLC0415

        return carry_out(argv)
    except KeyboardInterrupt:
        return 130  # services.cli.exit_codes.ExitCode.INTERRUPTED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
