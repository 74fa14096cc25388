"""The benchmark's command line: what can't be measured is refused in one line."""

import pytest

from services.benchmarks.speed.__main__ import main


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("--only soak --knee 0", "argument --knee: 0 is no number above 0"),
        ("--only soak --knee -5", "argument --knee: -5 is no number above 0"),
        ("--only soak --knee inf", "argument --knee: inf is no number above 0"),
        ("--only soak --soak 0", "argument --soak: 0 is no number above 0"),
        ("--soak nan", "argument --soak: nan is no number above 0"),
        ("--knees 0", "argument --knees: 0 is no whole number above 0"),
        ("--blocks many", "argument --blocks: many is no whole number above 0"),
        ("--knee 100", "--knee is of --only soak"),
        ("--only limit --knee 100", "--knee is of --only soak"),
    ],
)
def test_numbers_that_nothing_can_be_measured_with_are_refused(
    words: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is made or started; the line says which."""
    with pytest.raises(SystemExit) as ended:
        main(words.split())
    assert ended.value.code == 2
    assert why in capsys.readouterr().err
