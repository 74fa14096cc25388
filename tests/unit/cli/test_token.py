"""`aisle token`, and the options before a command that say how a gateway is reached."""

from pathlib import Path

import pytest

from services.cli.__main__ import main
from services.cli.credentials import credentials
from services.cli.exit_codes import ExitCode
from services.common.security.credentials import PLAIN
from services.common.security.tokens import digest_of, read_token


def test_a_token_is_written_and_its_digest_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Only its owner can read the file; the token itself is nowhere on the terminal."""
    file = tmp_path / "shop.token"
    assert main(["token", str(file)]) == ExitCode.OK
    said = capsys.readouterr()
    token = read_token(file)
    assert said.out == f"{digest_of(token)}\n"
    assert token not in said.out + said.err
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_token_that_somebody_uses_is_not_lost(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A second one takes another file."""
    file = tmp_path / "shop.token"
    file.write_text("in use")
    assert main(["token", str(file)]) == ExitCode.UNUSABLE_INPUT
    assert "is there already" in capsys.readouterr().err
    assert file.read_text() == "in use"


@pytest.mark.parametrize(
    ("argv", "environ", "says"),
    [
        (["--tls-certificate", "me.pem", "status"], {}, "tls_certificate and tls_key belong together"),
        (["--token-file", "gone.token", "status"], {}, "gone.token can't be read"),
        (["status"], {"AISLE_TOKEN_FILE": "gone.token"}, "gone.token can't be read"),
        (["search", "photo.jpg"], {"AISLE_TLS_CA": "gone.pem"}, "gone.pem can't be read"),
    ],
)
def test_unusable_credentials_are_said_before_anybody_is_called(
    argv: list[str],
    environ: dict[str, str],
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """From the command line or the environment, with the file's name and the status for unusable input."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert main([*argv, "--target", "127.0.0.1:1"]) == ExitCode.UNUSABLE_INPUT
    assert says in " ".join(capsys.readouterr().err.split())


def test_without_a_command_there_are_no_credentials() -> None:
    """The commands' parts are used by tests and benchmarks, too."""
    assert credentials() is PLAIN
