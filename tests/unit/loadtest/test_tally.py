"""Tallies: counted one by one or merged, through the wire or not, they say the same."""

from hypothesis import given
from hypothesis import strategies as st

from services.loadtest.tally import Outcome, Reply, Tally, merged
from tests.support.load import reply, tally_of

REPLIES = st.lists(
    st.builds(
        reply,
        st.floats(0.1, 5000),
        st.sampled_from(Outcome),
        reason=st.sampled_from(["", "OVERLOADED"]),
        missing_shards=st.sampled_from([{}, {"late": 1}, {"late": 2, "skipped": 3}]),
        recall=st.sampled_from([{}, {1: 1.0, 5: 1.0}, {1: 0.0}]),
    ),
    max_size=20,
)


@given(REPLIES, REPLIES)
def test_the_sum_of_parts_is_the_whole(one: list[Reply], other: list[Reply]) -> None:
    """Through the wire, as senders tell it."""
    parts = [Tally.from_json(tally_of(part).to_json()) for part in (one, other)]
    assert merged(parts).to_json() == tally_of(one + other).to_json()


def test_an_error_is_in_no_figure_of_answers() -> None:
    """Its time, coverage, stages and recall count for nothing, its reason does."""
    tally = tally_of([reply(), reply(5.0, Outcome.SHED, reason="OVERLOADED", code="RESOURCE_EXHAUSTED")])
    assert (tally.answers, tally.photos, tally.latency.count, tally.failure.count) == (1, 2, 1, 1)
    assert tally.reasons == {"OVERLOADED": 1}
    assert tally.share(Outcome.SHED) == 0.5
