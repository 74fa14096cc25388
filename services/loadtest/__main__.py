"""The process `python -m services.loadtest`: a load test in a container, say, as a job before a release."""

import shlex
import sys
from collections.abc import Sequence

from services.cli.console import run, say_error
from services.cli.exit_codes import ExitCode, exit_code
from services.cli.loadtesting import load_test
from services.common.errors import AisleError
from services.common.settings import load_settings
from services.loadtest.config import LoadtestSettings


def main(argv: Sequence[str]) -> int:
    """Test and write the report; the exit statuses are those of `aisle loadtest`."""
    command = shlex.join(("python", "-m", "services.loadtest", *argv))
    try:
        settings = load_settings(LoadtestSettings, "loadtest", argv)
        return run(load_test(settings, command))
    except AisleError as error:
        say_error(error)
        return exit_code(error)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
