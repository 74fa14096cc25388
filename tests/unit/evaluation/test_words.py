"""Figures as people read them."""

import pytest

from services.evaluation.words import count, ms, percent, signed

SPACE = "\N{NARROW NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (count(6000), f"6{SPACE}000"),
        (percent(0.4567), f"45.7{SPACE}%"),
        (percent(0.4567, 0, unit=""), "46"),
        (percent(None), "\N{EN DASH}"),
        (signed(12.34), f"+12.3{SPACE}%"),
        (signed(-12.34), f"\N{MINUS SIGN}12.3{SPACE}%"),
        (signed(-0.01), f"+0.0{SPACE}%"),
        (signed(None), "\N{EN DASH}"),
        (ms(12.345), "12.3"),
        (ms(None), "\N{EN DASH}"),
    ],
)
def test_numbers_are_written_for_people(written: str, expected: str) -> None:
    """Groups of three, a real minus, no negative zero, and a dash for what is not known."""
    assert written == expected
