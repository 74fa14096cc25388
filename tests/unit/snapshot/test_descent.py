"""What to go back to when a snapshot can't be served."""

from collections.abc import Mapping

import pytest

from services.snapshot.descent import predecessors


@pytest.mark.parametrize(
    ("begin", "parents", "expected"),
    [
        ("e", {}, ["d", "c", "b", "a"]),
        ("c", {}, ["b", "a"]),
        ("a", {}, []),
        ("e", {"e": "d", "d": "c", "c": "b", "b": "a"}, ["d", "c", "b", "a"]),
        ("e", {"e": "b"}, ["b", "a"]),
        ("e", {"e": "b", "d": "b"}, ["b", "a"]),
        ("e", {"d": "b"}, ["d", "b", "a"]),
        ("e", {"e": "pruned"}, ["d", "c", "b", "a"]),
        ("c", {"c": "d"}, ["b", "a"]),
        ("x", {"x": "b"}, ["b", "a"]),
    ],
)
def test_parents_come_before_what_is_merely_older_and_nothing_newer_comes(
    begin: str, parents: Mapping[str, str], expected: list[str]
) -> None:
    """What was rolled back lies between a snapshot and its parent."""
    assert list(predecessors(begin, "cabde", lambda each: parents.get(each, ""))) == expected
