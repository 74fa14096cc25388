"""Pages put together are the list, whatever their size."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.errors import InvalidArgument
from services.common.paging import page_of


@given(entries=st.integers(0, 3_000), page_size=st.integers(0, 2_000))
def test_following_the_tokens_gives_every_entry_once(entries: int, page_size: int) -> None:
    """From the empty token to the empty token, nothing is missing and nothing comes twice."""
    everything = list(range(entries))
    seen: list[int] = []
    token = ""
    while True:
        page, token = page_of("s1", entries, page_size, token)
        assert len(everything[page]) <= min(page_size or 100, 1_000)
        seen += everything[page]
        if not token:
            break
    assert seen == everything


def test_zero_means_a_hundred_and_the_most_is_a_thousand() -> None:
    """The defaults that the contract promises."""
    assert page_of("s1", 5_000, 0, "") == (slice(0, 100), "100@s1")
    assert page_of("s1", 5_000, 4_000, "") == (slice(0, 1_000), "1000@s1")


def test_a_negative_size_is_refused() -> None:
    """It can't be meant."""
    with pytest.raises(InvalidArgument) as refusal:
        page_of("s1", 5, -1, "")
    assert refusal.value.field == "page_size"


@pytest.mark.parametrize(
    "token",
    [
        *("x", "2", "@s1", "2@", "2@s2", "2@s1@s1"),
        *(
            f"{place}@s1"
            for place in ("x", "-1", "+1", " 1", "1_0", "0", "5", "99999999999999999999999", "²", "1.0", "\0")
        ),
    ],
)
def test_a_token_from_elsewhere_is_refused(token: str) -> None:
    """Only positions inside this very list were ever given out."""
    with pytest.raises(InvalidArgument) as refusal:
        page_of("s1", 5, 2, token)
    assert refusal.value.field == "page_token"
