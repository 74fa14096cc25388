"""The command line: help, usage and errors, without a gateway."""

import errno
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from services.cli.__main__ import main
from services.cli.commands.search import parse_region
from services.cli.exit_codes import ExitCode
from services.client import Region

COMMANDS = (
    "dataset",
    "snapshot",
    "fit",
    "join",
    "index",
    "up",
    "search",
    "status",
    "evaluate",
    "loadtest",
    "token",
    "demo",
)
DATASETS = ("fashion-mnist", "grocery", "folder")
CHANGES = ("add", "delete", "compact", "list", "verify", "rollback", "prune")


def test_help_lists_every_command_and_exit_status(capsys: pytest.CaptureFixture[str]) -> None:
    """It tells a newcomer what there is, and a program what a status means."""
    assert main(["--help"]) == ExitCode.OK
    shown = capsys.readouterr().out
    for word in (*COMMANDS, "--install-completion", "4 done in part"):
        assert word in shown


@pytest.mark.parametrize(
    "command",
    [
        *((name,) for name in COMMANDS[2:]),
        *(("dataset", kind) for kind in DATASETS),
        *(("snapshot", change) for change in CHANGES),
    ],
)
def test_help_of_every_command_has_an_example(command: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """An example teaches more than a list of options."""
    assert main([*command, "--help"]) == ExitCode.OK
    shown = capsys.readouterr().out
    assert "Example" in shown
    assert f"aisle {' '.join(command)}" in shown


@pytest.mark.parametrize(
    "argv",
    [
        ["search"],
        ["nonsense"],
        ["search", "x.jpg", "--top-k", "ten"],
        ["search", "x.jpg", "--policy", "best"],
        ["search", "x.jpg", "--region", "0,0,1"],
        ["fit", "head", "folder"],
        ["fit", "guess", "folder", "--out", "models"],
        ["dataset", "folder", "gallery", "--photos", "p", "--train", "t"],
        ["index"],
        ["index", "folder", "--catalogue", "c.csv"],
        ["demo", "--serve", "--json"],
        ["demo", "--serve", "--port", "-1"],
        ["up", "--port", "99999"],
        ["search", "x.jpg", "--timeout-seconds", "-1"],
        ["search", "x.jpg", "--minimum-coverage", "1.1"],
    ],
)
def test_wrong_usage_is_status_2(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """With a message on stderr, and nothing on stdout."""
    assert main(argv) == ExitCode.UNUSABLE_INPUT
    shown = capsys.readouterr()
    assert shown.err
    assert not shown.out


def test_help_loads_nothing_that_it_does_not_need() -> None:
    """Help and completion answer at once: numbers, gRPC and pydantic come with the command that needs them."""
    program = "import sys, services.cli.__main__; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {"numpy", "grpc", "pydantic", "faiss", "pyarrow", "cv2"} & set(done.stdout.split())


def test_an_error_is_one_clear_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Reason and text, no stack trace; the status says what kind it is."""
    assert main(["index", str(tmp_path)]) == ExitCode.UNUSABLE_INPUT
    shown = capsys.readouterr().err
    assert shown.startswith("CATALOGUE_INVALID ")
    assert "dataset.json" in shown
    assert "Traceback" not in shown


def test_nothing_to_serve_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`up` before any `index` names the command that helps."""
    argv = ["up", "--snapshot-root", str(tmp_path / "none"), "--run-folder", str(tmp_path / "run")]
    assert main(argv) == ExitCode.FAILED
    assert "aisle index" in capsys.readouterr().err


def test_a_run_folder_that_can_not_be_one_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file, or a place where no folder can be made: mend the option."""
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/x")):
        assert main(["up", "--run-folder", str(folder)]) == ExitCode.UNUSABLE_INPUT
        assert capsys.readouterr().err.startswith(f"SETTINGS_INVALID --run-folder {folder} can't be made")


def test_what_the_system_refuses_is_no_defect(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk is one plain line with the file."""

    def full_disk(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "shard.npy")

    monkeypatch.setattr("services.cli.__main__.app", full_disk)
    assert main(["up"]) == ExitCode.FAILED
    assert capsys.readouterr().err == "OS_ERROR shard.npy: No space left on device\n"


def test_a_region_has_four_numbers() -> None:
    """Left, upper, right, lower; whether they lie in the picture is the gateway's to say."""
    assert parse_region("0, 0.25,0.5,1") == Region(0, 0.25, 0.5, 1)
    assert parse_region(None) is None
    with pytest.raises(typer.BadParameter):
        parse_region("0,0,1,x")
