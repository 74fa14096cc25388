"""What a switch would lose, shard by shard."""

from collections.abc import Mapping

import pytest

from services.gateway.readiness import Readiness, readiness_of

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
