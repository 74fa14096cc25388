"""Where the command writes, what it lets through, and how it names itself."""

import json
import sys
from pathlib import Path

import pytest
from rich.box import SIMPLE
from rich.console import Group
from rich.table import Table
from rich.text import Text

from services.cli.console import print_json, program, results, say_error
from services.common.errors import Unavailable

HOSTILE = "coat\x1b[2J\x1b]0;title\x07\u202e\x9b1"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The command in the environment of a checkout, which is the working folder."""
    script = tmp_path / ".venv" / "bin" / "aisle"
    script.parent.mkdir(parents=True)
    script.touch(mode=0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "/nowhere")
    return script


@pytest.mark.parametrize("started", ["{folder}/.venv/bin/aisle", ".venv/bin/aisle"])
def test_hints_can_be_copied_after_make(installed: Path, monkeypatch: pytest.MonkeyPatch, started: str) -> None:
    """What is on no PATH is named as it is found from here, however it was started."""
    monkeypatch.setattr(sys, "argv", [started.format(folder=installed.parents[2]), "demo"])
    assert program() == ".venv/bin/aisle"


def test_a_program_elsewhere_is_named_in_full(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A way up and down through folders is harder to read."""
    (installed.parent / "below").mkdir()
    monkeypatch.chdir(installed.parent / "below")
    monkeypatch.setattr(sys, "argv", [str(installed)])
    assert program() == str(installed)


def test_a_program_on_the_path_has_its_short_name(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As everybody types it."""
    monkeypatch.setenv("PATH", str(installed.parent))
    monkeypatch.setattr(sys, "argv", [str(installed)])
    assert program() == "aisle"


def test_a_module_is_named_with_its_python(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`python -m services.cli` is no file that could be started."""
    monkeypatch.setattr(sys, "executable", str(installed.with_name("python")))
    monkeypatch.setattr(sys, "argv", ["/src/services/cli/__main__.py"])
    assert program() == ".venv/bin/python -m services.cli"


def test_nothing_that_others_say_steers_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a table, a line or an error; the command's own colours stay."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    table = Table(box=SIMPLE, title=Text(HOSTILE))
    table.add_column("product")
    table.add_row(Text(HOSTILE, style="green"))
    results().print(Group(table, Text(HOSTILE)))
    results().print(HOSTILE, markup=False, soft_wrap=True)
    say_error(Unavailable(f"searcher: {HOSTILE}", field=HOSTILE))
    written = "".join(capsys.readouterr())
    assert written.count("coat") == 5
    for steering in ("\x1b[2J", "\x1b]0", "\x07", "\u202e", "\x9b"):
        assert steering not in written
    assert "\x1b[32m" in written


def test_json_for_programs_shows_and_keeps_everything(capsys: pytest.CaptureFixture[str]) -> None:
    """A terminal may be where it ends, too."""
    print_json({"product": HOSTILE, "name": "Crème"})
    written = capsys.readouterr().out
    assert written.rstrip("\n").isprintable()
    assert "Crème" in written
    assert json.loads(written)["product"] == HOSTILE
