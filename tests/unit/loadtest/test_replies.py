"""Replies: what is counted of an answer as it is on the wire."""

import pytest
from aisle.search.v1 import search_pb2

from services.loadtest.replies import answered
from services.loadtest.scenario import Kind
from services.loadtest.tally import Outcome
from services.loadtest.words import MISSING_WORDS, RUNG_WORDS

KIND = Kind(deadline_ms=100)


def _answer(*states: int, partial: bool) -> search_pb2.SearchResponse:
    shards = [search_pb2.ShardCoverage(state=search_pb2.ShardState.Name(state)) for state in states]
    return search_pb2.SearchResponse(
        coverage=search_pb2.Coverage(share=0.5, planned_share=1.0, partial=partial, shards=shards),
        rung=search_pb2.RUNG_FEWER_SHARDS,
    )


def test_a_partial_answer_says_which_shards_it_lacks() -> None:
    """By what became of them; those with hits, from whichever replica, are not missing."""
    states = ("ANSWERED", "LATE", "HEDGED", "SKIPPED", "LATE")
    response = _answer(*(search_pb2.ShardState.Value(f"SHARD_STATE_{state}") for state in states), partial=True)
    reply = answered(response, KIND, (), 0.05)
    assert (reply.outcome, reply.rung, reply.in_time) == (Outcome.PARTIAL, "fewer_shards", False)
    assert reply.missing_shards == {"late": 2, "skipped": 1}


def test_a_full_answer_lacks_nothing() -> None:
    """In time, when it came within the deadline."""
    reply = answered(_answer(search_pb2.SHARD_STATE_ANSWERED, partial=False), KIND, (), 0.05)
    assert (reply.outcome, reply.in_time, reply.missing_shards) == (Outcome.OK, True, {})


@pytest.mark.parametrize(
    ("enum", "prefix", "words", "unexplained"),
    [
        (search_pb2.Rung, "RUNG_", RUNG_WORDS, {"unspecified"}),
        (search_pb2.ShardState, "SHARD_STATE_", MISSING_WORDS, {"unspecified", "answered", "hedged"}),
    ],
)
def test_all_that_a_gateway_can_say_is_explained(
    enum: type, prefix: str, words: dict[str, str], unexplained: set[str]
) -> None:
    """Every rung, and every state of a shard that is missing."""
    assert {name.removeprefix(prefix).lower() for name in enum.keys()} == words.keys() | unexplained  # type: ignore[attr-defined] # noqa: SIM118
