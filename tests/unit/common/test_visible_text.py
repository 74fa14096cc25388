"""What is made visible before it reaches a terminal, and what stays as it is."""

import json

import pytest

from services.common.visible_text import visible, visible_json

STEERING = ("\x1b[2J", "\x1b]0;title\x07", "\x9b31m", "\x7f", "\r", "\u202ereversed", "\u2066", "\u2028", "\udcff")


@pytest.mark.parametrize("steering", STEERING)
def test_what_steers_a_terminal_is_replaced(steering: str) -> None:
    """One character for one, so that something is seen to be there."""
    shown = visible(f"coat{steering}1")
    assert shown == f"coat\N{REPLACEMENT CHARACTER}{visible(steering[1:])}1"
    assert shown.isprintable()


def test_words_of_all_scripts_stay_as_they_are() -> None:
    """With tabs and line ends, accents on letters of their own, and families of emoji, which are joined."""
    for text in ("Crème\tbrûlée\n", "cafe\u0301", "\u05de\u05e2\u05d9\u05dc", "\U0001f469\u200d\U0001f467", "鞋 靴"):
        assert visible(text) == text
        assert visible_json(text) == text


@pytest.mark.parametrize("steering", STEERING)
def test_json_says_the_same(steering: str) -> None:
    """In one line of characters that show."""
    written = visible_json(json.dumps({"id": steering}, ensure_ascii=False))
    assert json.loads(written) == {"id": steering}
    assert written.isprintable()
