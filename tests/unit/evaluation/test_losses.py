"""Every photo has one reason, and the shares of each policy add up."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.client.types import Policy
from services.evaluation.losses import losses, reason, reasons, unexplained
from services.evaluation.observation import Observation, Query
from services.evaluation.schema import Losses
from tests.support.shoppers import GALLERY, query, seen

T = Policy.TOP_1


@pytest.mark.parametrize(
    ("ranks", "searched", "missing", "expected"),
    [
        ((1,), ("Shoe",), (), "first"),
        ((7,), ("Shoe",), (), "ranked_below"),
        ((), ("Bag", "Shoe"), (), "beyond_top_k"),
        ((), ("",), (), "beyond_top_k"),
        ((), ("Bag",), (), "not_routed"),
        ((), ("Bag",), ("Shoe",), "shard_missing"),
        ((), ("Bag",), ("Hat",), "not_routed"),
        ((), (), ("",), "shard_missing"),
    ],
)
def test_the_reason_says_why(
    ranks: tuple[int, ...], searched: tuple[str, ...], missing: tuple[str, ...], expected: str
) -> None:
    """The empty name is the baseline's index, in which every category is searched."""
    assert reason(query(), seen(0, T, ranks, searched=searched, missing=missing), GALLERY) == expected


def test_only_an_exact_search_that_finds_it_blames_the_index() -> None:
    """Too many others that look more alike are no fault of the index; and what was not searched was not missed."""
    searched = seen(0, T, searched=("Shoe",))
    assert reason(query(), searched, GALLERY, exact_finds_it=True) == "index_missed"
    assert reason(query(), searched, GALLERY, exact_finds_it=False) == "beyond_top_k"
    assert reason(query(), seen(0, T, searched=("Bag",)), GALLERY, exact_finds_it=True) == "not_routed"


def test_what_the_catalogue_lacks_was_not_lost() -> None:
    """Neither wrong aisle nor error is to blame: nothing could have found it."""
    unknown = query(0, "shoe-99")
    assert reason(unknown, seen(0, T, searched=("Bag",)), GALLERY) == "not_in_gallery"
    assert reason(unknown, seen(0, T, outcome="error", error="LATE"), GALLERY) == "not_in_gallery"
    assert reason(query(), seen(0, T, outcome="error", error="LATE"), GALLERY) == "failed"


def test_only_unexplained_photos_are_asked_again() -> None:
    """Exact searches are slow: photos that were found, not routed, or without product need none."""
    queries = [query(0), query(1), query(2), query(3, "")]
    observations = [
        seen(0, T, (4,), searched=("Shoe",)),
        seen(1, T, searched=("Bag",)),
        seen(2, T, searched=("Shoe",)),
        seen(3, T, searched=("Shoe",)),
    ]
    assert unexplained(queries, observations, GALLERY) == [observations[2]]


def _shares(told: Losses) -> dict[str, float]:
    return {name: value for name, value in told.model_dump(exclude={"k"}).items() if value}


def test_shares_by_hand() -> None:
    """Five photos with a product, and one without, which does not count."""
    queries = [query(number) for number in range(5)] + [query(5, "")]
    observations = [
        seen(0, T, (1,)),
        seen(1, T, (7,)),
        seen(2, T, searched=("Bag",)),
        seen(3, T, searched=("Shoe",)),
        seen(4, T, searched=("Shoe",)),
        seen(5, T),
    ]
    whys = reasons(queries, {T: observations}, GALLERY, {(3, T), (0, T)})[T]
    first, fifth, tenth = losses(observations, whys)
    assert (first.k, fifth.k, tenth.k) == (1, 5, 10)
    assert _shares(first) == {"found": 0.2, "not_routed": 0.2, "index_missed": 0.2, "ranked_below": 0.4}
    assert fifth.model_copy(update={"k": 1}) == first
    assert _shares(tenth) == {"found": 0.4, "not_routed": 0.2, "index_missed": 0.2, "ranked_below": 0.2}


def test_without_products_there_is_nothing_to_lose() -> None:
    """An empty list: zeros would add up to nothing."""
    assert losses([seen(0, T)], {}) == []


_names = st.sampled_from(["", "Shoe", "Bag"])
_answers = st.builds(
    lambda ranks, outcome, searched, missing: seen(
        0, T, tuple(sorted(ranks)) if outcome != "error" else (), outcome=outcome, searched=searched, missing=missing
    ),
    st.sets(st.integers(1, 20), max_size=2),
    st.sampled_from(["ok", "partial", "error"]),
    st.tuples(_names) | st.just(()),
    st.tuples(_names) | st.just(()),
)


@settings(max_examples=50)
@given(st.lists(st.tuples(_answers, st.sampled_from(["shoe-1", "shoe-99"]), st.booleans()), min_size=1, max_size=12))
def test_shares_add_up(photos: list[tuple[Observation, str, bool]]) -> None:
    """Whatever comes back, each photo is counted once, and further down more is found."""
    queries: list[Query] = [query(number, product) for number, (_, product, _) in enumerate(photos)]
    observations = [seen(n, T, each.ranks, **_rest(each)) for n, (each, _, _) in enumerate(photos)]
    exactly = {(number, T) for number, (_, _, finds) in enumerate(photos) if finds}
    told = losses(observations, reasons(queries, {T: observations}, GALLERY, exactly)[T])
    for each in told:
        assert sum(_shares(each).values()) == pytest.approx(1)
    assert told[0].found <= told[1].found <= told[2].found


def _rest(each: Observation) -> dict[str, object]:
    return {"outcome": each.outcome, "searched": each.searched, "missing": each.missing}
