"""The command `aisle`."""

import sys
from collections.abc import Sequence

import typer

from services.cli.commands.dataset import dataset
from services.cli.commands.demo import demo
from services.cli.commands.evaluate import evaluate
from services.cli.commands.fit import fit
from services.cli.commands.index import index
from services.cli.commands.loadtest import loadtest
from services.cli.commands.search import search
from services.cli.commands.snapshot import snapshot
from services.cli.commands.status import status
from services.cli.commands.up import up
from services.cli.console import say_error, say_os_error
from services.cli.exit_codes import EXIT_CODES_HELP, ExitCode, exit_code
from services.common.errors import AisleError
from services.common.telemetry import configure_logging

app = typer.Typer(
    help="Visual product search that walks to the right aisle first.",
    epilog=EXIT_CODES_HELP,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(dataset, name="dataset")
app.add_typer(loadtest, name="loadtest")
app.add_typer(snapshot, name="snapshot")
for command in (fit, index, up, search, status, evaluate, demo):
    app.command()(command)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line, that of the process by default, and return the exit status."""
    configure_logging("aisle")
    try:
        app(None if argv is None else list(argv), prog_name="aisle")
    except AisleError as error:
        say_error(error)
        return exit_code(error)
    except OSError as error:
        say_os_error(error)
        return ExitCode.FAILED
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except SystemExit as ending:
        return ending.code if isinstance(ending.code, int) else ExitCode.FAILED
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(main())
