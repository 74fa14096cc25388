"""Where the command writes, and how it names itself."""

import sys
from pathlib import Path

import pytest

from services.cli.console import program


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
