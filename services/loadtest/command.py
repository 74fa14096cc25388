"""What `python -m services.loadtest` does with its words."""

import shlex
from collections.abc import Sequence

from services.cli.console import run, say_error, say_os_error
from services.cli.exit_codes import ExitCode, exit_code
from services.cli.loadtesting import load_test
from services.common.errors import AisleError
from services.common.settings import load_settings
from services.loadtest.config import LoadtestSettings


def carry_out(argv: Sequence[str]) -> int:
    """Test, write the report, and return the exit status."""
    command = shlex.join(("python", "-m", "services.loadtest", *argv))
    try:
        settings = load_settings(LoadtestSettings, "loadtest", argv)
        return run(load_test(settings, command))
    except AisleError as error:
        say_error(error)
        return exit_code(error)
    except OSError as error:  # a disk that is full by then, say
        say_os_error(error)
        return ExitCode.FAILED
