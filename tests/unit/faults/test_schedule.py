"""Faults by lot: the same for the same seed, never two at once, and all over before the load is."""

import itertools
from typing import get_args

from aisle.shard.v1 import shard_pb2 as pb
from hypothesis import given
from hypothesis import strategies as st

from tests.support.faults.history import MIXED, poisson
from tests.support.faults.proxy import CORRUPTIONS, corrupted
from tests.support.faults.schedule import Kind, schedule


@given(seconds=st.floats(1, 300), seed=st.integers(0, 1_000))
def test_faults_come_one_after_the_other(seconds: float, seed: int) -> None:
    """A shard has two replicas: one fault at a time never takes both."""
    faults = list(schedule(seconds, seed))
    assert faults == list(schedule(seconds, seed))
    for before, after in itertools.pairwise(faults):
        assert before.at + before.seconds < after.at
    assert all(fault.at + fault.seconds < seconds for fault in faults)


def test_every_kind_comes_in_a_long_run() -> None:
    """And every way in which an answer can be wrong."""
    faults = list(schedule(1_800.0, 1))
    assert {fault.kind for fault in faults} == {*get_args(Kind)}
    assert {fault.how for fault in faults if fault.kind == "corrupt"} == set(CORRUPTIONS)


@given(rate=st.floats(1, 200), seed=st.integers(0, 1_000))
def test_arrivals_are_a_poisson_process(rate: float, seed: int) -> None:
    """As many as the rate says, within five standard deviations, numbered in their order."""
    questions = list(poisson(rate, 10.0, seed, *MIXED))
    assert abs(len(questions) - 10 * rate) <= 5 * (10 * rate) ** 0.5
    assert [question.number for question in questions] == list(range(len(questions)))
    assert all(before.at <= after.at < 10.0 for before, after in itertools.pairwise(questions))


def test_every_corruption_changes_an_answer() -> None:
    """And no corruption does not."""
    hits = pb.Neighbours(product_ids=["a", "b"], similarities=[0.9, 0.5], categories=["c", "c"])
    answer = pb.SearchResponse(neighbours=[hits], snapshot_id="s").SerializeToString()
    assert corrupted(answer, "") == answer
    assert len({corrupted(answer, how) for how in CORRUPTIONS} | {answer}) == len(CORRUPTIONS) + 1
