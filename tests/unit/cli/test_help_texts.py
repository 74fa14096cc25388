"""Help reads well at any width, and an option that stands elsewhere is told where."""

import pytest

from services.cli.__main__ import main
from services.cli.exit_codes import ExitCode
from services.cli.help_texts import unwrapped


def test_paragraphs_are_lines_and_examples_stay() -> None:
    """The terminal breaks lines where it ends, and nowhere else."""
    text = """One.

    Two goes on
    in the next line.

    Examples:
      aisle one

      aisle two
    """
    assert unwrapped(text) == "One.\n\nTwo goes on in the next line.\n\nExamples:\n  aisle one\n\n  aisle two"


@pytest.mark.parametrize("words", [[], ["index"], ["loadtest"], ["snapshot", "add"]])
def test_flags_show_no_type(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """They take no value; other options still say of what type theirs is."""
    assert main([*words, "--help"]) == ExitCode.OK
    shown = capsys.readouterr().out
    assert "<bool>" not in shown
    assert "<path>" in shown


@pytest.mark.parametrize("command", [["search", "photo.jpg"], ["loadtest"], ["loadtest", "compare"], ["status"]])
@pytest.mark.parametrize("option", ["--tls-ca", "--token-file=x", "--tls"])
def test_how_a_gateway_is_reached_is_said_before_the_command(
    command: list[str], option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Behind it, gRPC's options are unknown: the refusal shows where they belong."""
    assert main([*command, option, "a"]) == ExitCode.UNUSABLE_INPUT
    shown = " ".join(capsys.readouterr().err.replace("│", " ").split())
    name = option.partition("=")[0]
    assert f"{name}: it stands before the command: aisle {name} ... {command[0]}" in shown
