"""What a switch would lose, shard by shard."""

from collections.abc import Mapping

import pytest

from services.gateway.following.readiness import Readiness, readiness_of, silent_since

TOPOLOGY = {"bags": ("one", "two"), "coats": ("three",), "hats": ()}
BOTH, NONE, NOT_LOADED = frozenset({"bags", "coats"}), frozenset[str](), None


@pytest.mark.parametrize(
    ("described", "not_loaded", "unreachable"),
    [
        ({"one": BOTH, "two": BOTH, "three": BOTH}, (), ()),
        ({"one": BOTH, "two": NOT_LOADED, "three": BOTH}, (), ()),
        ({"two": BOTH, "three": BOTH}, (), ()),
        ({"one": NOT_LOADED, "two": NOT_LOADED, "three": BOTH}, ("bags",), ()),
        ({"one": NOT_LOADED, "three": NOT_LOADED}, ("bags", "coats"), ()),
        ({"one": BOTH}, (), ("coats",)),
        ({}, (), ("bags", "coats")),
        ({"one": NONE, "two": NONE, "three": BOTH}, (), ()),
        ({"one": NONE, "two": NOT_LOADED, "three": BOTH}, ("bags",), ()),
    ],
)
def test_one_replica_is_enough_and_only_what_answers_can_be_lost(
    described: Mapping[str, frozenset[str] | None], not_loaded: tuple[str, ...], unreachable: tuple[str, ...]
) -> None:
    """Loaded without the shard, or no searcher at all: waiting would bring nothing."""
    assert readiness_of(("bags", "coats", "hats", "gloves"), TOPOLOGY, described) == Readiness(not_loaded, unreachable)


def test_silence_begins_with_the_first_miss_and_ends_with_any_answer() -> None:
    """By shard: one that is heard again begins anew."""
    silent = silent_since({}, ["bags"], 5.0)
    assert silent == {"bags": 5.0}
    silent = silent_since(silent, ["bags", "coats"], 6.0)
    assert silent == {"bags": 5.0, "coats": 6.0}
    assert silent_since(silent, ["coats"], 7.0) == {"coats": 6.0}
