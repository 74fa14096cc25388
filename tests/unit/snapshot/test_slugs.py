"""Slugs: what a category's name becomes as a folder and DNS label."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.errors import CatalogueInvalid
from services.snapshot.slugs import slug, slugs


@pytest.mark.parametrize(
    ("category", "expected"),
    [("T-shirt/top", "t-shirt-top"), ("Ankle boot", "ankle-boot"), ("  Crème Brûlée!", "creme-brulee"), ("2", "2")],
)
def test_a_plain_name_stays_readable(category: str, expected: str) -> None:
    """Letters and digits stay, everything between them is one hyphen, accents go."""
    assert slug(category) == expected


@given(st.text(min_size=1))
def test_every_name_becomes_a_dns_label(category: str) -> None:
    """Whatever a shop calls its aisle, Kubernetes and the file system take it, and `_all` stays free."""
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,48}[a-z0-9])?", slug(category))


def test_names_that_lose_letters_stay_different() -> None:
    """Two names in another script, and two long ones that differ at the end, don't collide."""
    names = ["鞋", "包", "Schuhe 鞋", "Schuhe 包", "x" * 60 + "a", "x" * 60 + "b", "!!!", "???"]
    assert len(set(slugs(names).values())) == len(names)


def test_two_categories_with_one_slug_are_refused_by_name() -> None:
    """Two names that come out alike would share a folder: the error names both."""
    with pytest.raises(CatalogueInvalid, match="'Ankle boot' and 'ankle-boot' are too alike"):
        slugs(["Ankle boot", "ankle-boot"])


def test_the_same_category_twice_is_one() -> None:
    """A category may be listed as often as it has rows."""
    assert slugs(["Bag", "Bag"]) == {"Bag": "bag"}
