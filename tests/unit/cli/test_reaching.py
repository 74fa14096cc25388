"""The options before a command: none is ignored, and gRPC is silenced for the command alone."""

import sys
from pathlib import Path

import pytest

from services.cli.__main__ import main
from services.cli.exit_codes import ExitCode
from services.cli.supervising.child import Child
from services.cli.supervising.processes import Kind, ProcessSpec


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--tls-server-name", "gateway"), "tls_server_name is the name in a certificate, and none is asked for"),
        (("--token-without-tls",), "token_without_tls is about a token, and there is none"),
    ],
)
def test_an_option_that_changes_nothing_is_refused(
    options: tuple[str, ...], why: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever gives it believes that it does something."""
    monkeypatch.setenv("GRPC_VERBOSITY", "ERROR")  # so that nothing is set that outlives the test
    assert main([*options, "status", "--target", "127.0.0.1:1"]) == ExitCode.UNUSABLE_INPUT
    assert why in capsys.readouterr().err


@pytest.mark.parametrize(("verbosity", "handed_on"), [("NONE", "None"), ("DEBUG", "DEBUG")])
async def test_processes_that_a_command_starts_log_failed_handshakes(
    verbosity: str, handed_on: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Operators look for them there; what else somebody has set is the processes', too."""
    monkeypatch.setenv("GRPC_VERBOSITY", verbosity)
    argv = (sys.executable, "-c", "import os; print(os.environ.get('GRPC_VERBOSITY'))")
    log = tmp_path / "gateway.log"
    child = await Child.start(ProcessSpec("gateway", Kind.GATEWAY, argv, "127.0.0.1:0"), log)
    await child.wait()
    assert log.read_text().strip() == handed_on
