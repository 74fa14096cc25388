"""The checker finds each invariant broken when it is, and nothing when none is."""

import dataclasses
from collections.abc import Sequence

import pytest

from services.client import Policy
from tests.support.faults.checker import Truth, broken
from tests.support.faults.history import Found, History, Outcome, Question

QUESTION = Question(7, 1.5, 0, Policy.ALL, top_k=3, timeout_seconds=0.5)
FOUND = Found(
    hits=(("p1", "bag", 0.9), ("p2", "coat", 0.8), ("p3", "bag", 0.7)),
    shards=(("bag", "answered"), ("coat", "hedged")),
    probabilities=(0.6, 0.4),
    share=1.0,
    partial=False,
    rung="full",
    snapshot_id="s-1",
    categories=(("bag", 0.6), ("coat", 0.4)),
)
GOOD = Outcome(QUESTION, 0.0, 0.1, FOUND)


def oracle(question: Question, found: Found) -> Sequence[tuple[str, float]]:
    """Always the same answer, of the shards that answered."""
    assert question == QUESTION
    missing = {category for category, state in found.shards if state == "late"}
    return [(product, similarity) for product, category, similarity in FOUND.hits if category not in missing]


TRUTH = Truth("s-1", {"p1": "bag", "p2": "coat", "p3": "bag"}, oracle)


def lines(outcome: Outcome, *lags: tuple[float, float]) -> list[str]:
    return broken(History([outcome], lags=lags), TRUTH)


def changed(**fields: object) -> Outcome:
    return dataclasses.replace(GOOD, found=dataclasses.replace(FOUND, **fields))  # type: ignore[arg-type]


PARTIAL = changed(shards=(("bag", "answered"), ("coat", "late")), share=0.6, partial=True, hits=FOUND.hits[::2])


@pytest.mark.parametrize(
    "outcome",
    [
        GOOD,
        PARTIAL,
        changed(hits=(("p1", "bag", 0.90004), *FOUND.hits[1:])),
        dataclasses.replace(GOOD, seconds=0.519),
        *(
            dataclasses.replace(GOOD, found=None, code=code, reason="R", says_when=True)
            for code in ("UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED")
        ),
    ],
)
def test_what_is_in_order_is_not_complained_of(outcome: Outcome) -> None:
    """Full answers that are right, partial ones that say so, and honest errors."""
    assert lines(outcome) == []


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (changed(snapshot_id="s-0"), "mixes snapshots: s-0"),
        (changed(partial=True), "says partial=True, but these are missing: []"),
        (dataclasses.replace(PARTIAL, found=dataclasses.replace(PARTIAL.found, partial=False)), "missing: ['coat']"),  # type: ignore[type-var]
        (changed(share=0.9), "says that 0.9000 of the mass answered, but it is 1.0000"),
        (changed(hits=(FOUND.hits[0], *FOUND.hits[:2])), "doubled"),
        (changed(hits=(*FOUND.hits, ("p4", "bag", 0.6))), "too many hits"),
        (changed(hits=(("p1", "coat", 0.9), *FOUND.hits[1:])), "not in coat: p1"),
        (changed(hits=FOUND.hits[:2]), "has 2 hits instead of 3"),
        (dataclasses.replace(PARTIAL, found=dataclasses.replace(PARTIAL.found, hits=FOUND.hits[:1])), "1 hits instead"),  # type: ignore[type-var]
        (changed(hits=(("p3", "bag", 0.9), ("p2", "coat", 0.8), ("p1", "bag", 0.7))), "has p3 with 0.90000 where p1"),
        (changed(hits=(("p1", "bag", 0.91), *FOUND.hits[1:])), "has p1 with 0.91000 where p1 with 0.90000"),
        (dataclasses.replace(GOOD, seconds=0.53), "took 0.530 s of 0.5 s"),
        (dataclasses.replace(GOOD, found=None, code="INTERNAL", reason="INTERNAL"), "ended INTERNAL"),
        (dataclasses.replace(GOOD, found=None, code="RESOURCE_EXHAUSTED"), "without being told when"),
    ],
)
def test_each_broken_invariant_is_found(outcome: Outcome, words: str) -> None:
    """With the question's number and time."""
    found = lines(outcome)
    assert any(words in line for line in found)
    assert all(line.startswith("question 7 at 1.500 s: ") for line in found)


def test_ties_may_stand_in_any_order() -> None:
    """Similarities that differ by rounding only."""
    tied = dataclasses.replace(TRUTH, oracle=lambda *_: [("p2", 0.9), ("p1", 0.9), ("p3", 0.7)])
    outcome = changed(hits=(("p1", "bag", 0.9), ("p2", "coat", 0.9), ("p3", "bag", 0.7)))
    assert broken(History([outcome]), tied) == []


def test_the_lag_of_the_load_generator_is_allowed_for_and_bounded() -> None:
    """What it measured late is not the system's lateness; when it is late itself, nothing can be said."""
    late = dataclasses.replace(GOOD, seconds=0.55)
    assert lines(late, (2.0, 0.04)) == []
    assert lines(late, (1.4, 0.04)) != []
    assert lines(late, (2.2, 0.04)) != []
    assert lines(GOOD, (2.0, 0.3)) == ["invalid: the load generator itself was late for 20.0 % of the time"]
