"""Which photos are shown, and the reason that is given for each answer."""

import pytest

from services.client.types import Policy
from services.evaluation.cases import choose_cases, reason
from services.evaluation.observation import ShownHit
from tests.support.shoppers import GALLERY, query, seen

B, T = Policy.BASELINE, Policy.TOP_1


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
    assert reason(query(), seen(0, T, ranks, searched=searched, missing=missing)) == expected


def test_kinds_compare_first_hits() -> None:
    """The truth table, and what each case tells."""
    ranks = {"gained": ((2,), (1,)), "lost": ((1,), ()), "both_right": ((1,), (1,)), "both_wrong": ((3,), (2,))}
    queries = [query(n) for n in range(4)]
    hits = (ShownHit("bag-1", "Bag", 0.9, "b.png"), ShownHit("shoe-1", "Shoe", 0.8, "s.png"))
    by_policy = {
        B: [seen(n, B, baseline, hits=hits) for n, (baseline, _) in enumerate(ranks.values())],
        T: [seen(n, T, cascade, predicted=("Hat", 0.6)) for n, (_, cascade) in enumerate(ranks.values())],
    }
    cases = choose_cases(queries, by_policy, T, GALLERY, seed=1)
    assert [case.kind for case in cases.chosen] == list(ranks)
    assert cases.counts == dict.fromkeys(ranks, 1)
    gained = cases.chosen[0]
    assert (gained.photo_path, gained.category, gained.predicted, gained.probability) == (
        "photos/0.jpg",
        "Shoe",
        "Hat",
        0.6,
    )
    assert (gained.product_id, gained.product_image_path) == ("shoe-1", "gallery/shoe-1.png")
    assert [(answer.policy, answer.rank) for answer in gained.answers] == [("baseline", 2), ("top_1", 1)]
    hits_told = [(hit.category, hit.right) for hit in gained.answers[0].hits]
    assert hits_told == [("Bag", False), ("Shoe", True)]


def test_errors_and_photos_without_a_product_are_no_cases() -> None:
    """There is nothing to compare."""
    queries = [query(0, ""), query(1)]
    by_policy = {B: [seen(0, B), seen(1, B)], T: [seen(0, T), seen(1, T, outcome="error")]}
    cases = choose_cases(queries, by_policy, T, GALLERY, seed=1)
    assert cases.chosen == []
    assert sum(cases.counts.values()) == 0


def test_cases_are_few_and_spread_over_the_categories() -> None:
    """Of 90 gained shoes, and one of five other things each, the six that are shown are all different."""
    names = ["Shoe"] * 90 + ["Bag", "Hat", "Coat", "Belt", "Sock"]
    queries = [query(n, category=name) for n, name in enumerate(names)]
    by_policy = {B: [seen(n, B, (2,)) for n in range(95)], T: [seen(n, T, (1,)) for n in range(95)]}
    cases = choose_cases(queries, by_policy, T, {}, seed=1)
    assert sorted(case.category for case in cases.chosen) == sorted(set(names))
    assert cases.counts["gained"] == 95
    assert cases == choose_cases(queries, by_policy, T, {}, seed=1)
    assert cases.chosen[0].product_image_path is None
