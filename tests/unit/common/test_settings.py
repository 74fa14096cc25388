"""Settings come from the command line, then the environment, then the defaults; what is unknown is refused."""

from pathlib import Path

import pytest
from pydantic import Field, ValidationError

from services.common.errors import SettingsInvalid
from services.common.settings import Settings, load_settings


class BakerySettings(Settings):
    """A bakery."""

    oven_count: int = Field(default=2, ge=1)
    """Ovens; two fit the room."""
    flour_dir: Path
    """Where the flour is."""


def load(*argv: str) -> BakerySettings:
    """Load the bakery's settings."""
    return load_settings(BakerySettings, "bakery", argv)


def test_the_command_line_beats_the_environment_beats_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """The nearer to the person who starts the process, the stronger."""
    assert load("--flour-dir", "mill").oven_count == 2
    monkeypatch.setenv("AISLE_BAKERY_OVEN_COUNT", "3")
    assert load("--flour-dir", "mill").oven_count == 3
    assert load("--flour-dir", "mill", "--oven-count", "4").oven_count == 4


def test_the_environment_alone_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container needs no arguments."""
    monkeypatch.setenv("AISLE_BAKERY_FLOUR_DIR", "mill")
    assert load().flour_dir == Path("mill")


def test_an_unknown_environment_variable_is_refused_with_the_likely_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelt variable is not ignored silently."""
    monkeypatch.setenv("AISLE_BAKERY_OVEN_COUNTS", "3")
    with pytest.raises(
        SettingsInvalid, match="AISLE_BAKERY_OVEN_COUNTS; did you mean AISLE_BAKERY_OVEN_COUNT"
    ) as error:
        load("--flour-dir", "mill")
    assert error.value.field == "AISLE_BAKERY_OVEN_COUNTS"


def test_another_service_s_variables_are_none_of_our_business(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the own prefix is closed."""
    monkeypatch.setenv("AISLE_MILL_WHEELS", "3")
    load("--flour-dir", "mill")


def test_an_unknown_flag_ends_the_process(capsys: pytest.CaptureFixture[str]) -> None:
    """Status 2, as for every wrong command line, and the flag is named."""
    with pytest.raises(SystemExit) as end:
        load("--flour-dir", "mill", "--ovens", "3")
    assert end.value.code == 2
    assert "--ovens" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "field", "why"),
    [
        ((), "flour_dir", "it is missing"),
        (("--flour-dir", "m", "--oven-count", "0"), "oven_count", "Input should be greater"),
        (("--flour-dir", "m", "--oven-count", "x"), "oven_count", "Input should be a valid integer"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_by_name(argv: tuple[str, ...], field: str, why: str) -> None:
    """Missing, out of range, or of another type."""
    with pytest.raises(SettingsInvalid, match=f"setting {field}: {why}") as error:
        load(*argv)
    assert error.value.field == field


def test_help_says_what_each_setting_is_for(capsys: pytest.CaptureFixture[str]) -> None:
    """The attributes' docstrings are the help."""
    with pytest.raises(SystemExit) as end:
        load("--help")
    assert end.value.code == 0
    assert "two fit the room" in capsys.readouterr().out


def test_settings_do_not_change() -> None:
    """What the log said at the start stays true."""
    settings = load("--flour-dir", "mill")
    with pytest.raises(ValidationError):
        settings.oven_count = 5  # type: ignore[misc]
