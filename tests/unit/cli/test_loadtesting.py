"""What a load test's exit status tells a program."""

from pathlib import Path

import pytest
import typer

from services.cli.commands.loadtest import parse_pids
from services.cli.exit_codes import ExitCode
from services.cli.loadtesting import conclusion, server_pids
from tests.support.load import reply, report_of

RUN = [[reply()] * 110] * 10


@pytest.mark.parametrize(
    ("change", "slo", "expected"),
    [
        ({}, "", ExitCode.OK),
        ({}, "p99_ms=100", ExitCode.OK),
        ({}, "p99_ms=10", ExitCode.MISSED),
        ({"valid": False}, "p99_ms=10", ExitCode.INVALID),
        ({"valid": False, "interrupted": True}, "", ExitCode.INTERRUPTED),
    ],
)
def test_a_run_that_proves_nothing_neither_passes_nor_fails(
    change: dict[str, bool], slo: str, expected: ExitCode
) -> None:
    """What can't be believed has missed no objective."""
    assert conclusion(report_of(RUN, slo).model_copy(update=change)) is expected


def test_processes_are_named_by_the_caller_or_by_nobody(tmp_path: Path) -> None:
    """No system runs from an empty folder; a word that is no process is refused."""
    assert server_pids(tmp_path) == {}
    assert parse_pids(["gateway=12", "triton=7"]) == {"gateway": 12, "triton": 7}
    for word in ("gateway", "=7", "gateway=x"):
        with pytest.raises(typer.BadParameter, match="NAME=PID"):
            parse_pids([word])
