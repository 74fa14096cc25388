"""The command `aisle`."""

import sys
from collections.abc import Sequence
from contextvars import copy_context

import typer

from services.cli.commands.dataset import dataset
from services.cli.commands.demo import demo
from services.cli.commands.evaluate import evaluate
from services.cli.commands.explain import explain
from services.cli.commands.fit import fit
from services.cli.commands.index import index
from services.cli.commands.join import join
from services.cli.commands.k8s import k8s
from services.cli.commands.loadtest import loadtest
from services.cli.commands.reaching import reaching
from services.cli.commands.search import search
from services.cli.commands.snapshot import snapshot
from services.cli.commands.status import status
from services.cli.commands.token import token
from services.cli.commands.up import up
from services.cli.console import say_error, say_os_error
from services.cli.exit_codes import EXIT_CODES_HELP, ExitCode, exit_code
from services.cli.help_texts import teach
from services.common.errors import AisleError
from services.common.telemetry import configure_logging

app = typer.Typer(
    help="Visual product search that walks to the right aisle first.",
    epilog=EXIT_CODES_HELP,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.callback()(reaching)
app.add_typer(dataset, name="dataset")
app.add_typer(k8s, name="k8s")
app.add_typer(loadtest, name="loadtest")
app.add_typer(snapshot, name="snapshot")
for command in (fit, join, index, up, search, explain, status, evaluate, token, demo):
    app.command()(command)
teach(app)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line, that of the process by default, and return the exit status."""
    configure_logging("aisle")
    try:
        # In a context of its own: what is said before one command does not hold for the next.
        copy_context().run(app, None if argv is None else list(argv), prog_name="aisle")
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
