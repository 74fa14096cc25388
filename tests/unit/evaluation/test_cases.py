"""Which photos are shown."""

from services.client.types import Policy
from services.evaluation.cases import Cases, choose_cases
from services.evaluation.losses import reasons
from services.evaluation.observation import Gallery, Observation, Query, ShownHit
from services.evaluation.quality import ByPolicy
from tests.support.shoppers import GALLERY, query, seen

B, T = Policy.BASELINE, Policy.TOP_1


def _choose(queries: list[Query], by_policy: ByPolicy, gallery: Gallery = GALLERY) -> Cases:
    whys = reasons(queries, by_policy, gallery, ())
    return choose_cases(queries, by_policy, T, gallery=gallery, reasons=whys, seed=1)


def test_kinds_compare_first_hits() -> None:
    """The truth table, and what each case tells."""
    ranks = {"gained": ((2,), (1,)), "lost": ((1,), ()), "both_right": ((1,), (1,)), "both_wrong": ((3,), (2,))}
    queries = [query(n) for n in range(4)]
    hits = (ShownHit("bag-1", "Bag", 0.9, "b.png"), ShownHit("shoe-1", "Shoe", 0.8, "s.png"))
    by_policy = {
        B: [seen(n, B, baseline, hits=hits) for n, (baseline, _) in enumerate(ranks.values())],
        T: [seen(n, T, cascade, predicted=("Hat", 0.6)) for n, (_, cascade) in enumerate(ranks.values())],
    }
    cases = _choose(queries, by_policy)
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
    cases = _choose(queries, by_policy)
    assert cases.chosen == []
    assert sum(cases.counts.values()) == 0


def test_cases_are_few_and_spread_over_the_categories() -> None:
    """Of 90 gained shoes, and one of five other things each, the six that are shown are all different."""
    names = ["Shoe"] * 90 + ["Bag", "Hat", "Coat", "Belt", "Sock"]
    queries = [query(n, category=name) for n, name in enumerate(names)]
    by_policy = {B: [seen(n, B, (2,)) for n in range(95)], T: [seen(n, T, (1,)) for n in range(95)]}
    cases = _choose(queries, by_policy, {})
    assert sorted(case.category for case in cases.chosen) == sorted(set(names))
    assert cases.counts["gained"] == 95
    assert cases == _choose(queries, by_policy, {})
    assert cases.chosen[0].product_image_path is None


def _surely(number: int, product: str, score: float) -> Observation:
    return seen(number, T, hits=(ShownHit(product, "Shoe", score, "x.png"),))


def test_the_worst_are_the_surest_mistakes() -> None:
    """A right first hit is none, however sure; an answer without hits claimed nothing; the surest comes first."""
    scores = {0: ("shoe-1", 0.99), 1: ("bag-1", 0.5), 2: ("bag-1", 0.9)} | dict.fromkeys(range(4, 20), ("bag-1", 0.4))
    answers = [_surely(n, *scores[n]) if n in scores else seen(n, T) for n in range(20)]
    cases = _choose([query(n) for n in range(20)], {T: answers})
    assert [case.answers[-1].hits[0].score for case in cases.worst] == [0.9, 0.5] + [0.4] * 6
    assert [case.photo_path for case in cases.worst[:2]] == ["photos/2.jpg", "photos/1.jpg"]


def test_without_the_baseline_there_are_worst_ones_only() -> None:
    """Nothing to compare with, so no kind; the cascade's own mistakes are there to be seen."""
    cases = _choose([query(0)], {T: [_surely(0, "bag-1", 0.9)]})
    assert (cases.counts, cases.chosen) == ({}, [])
    [worst] = cases.worst
    assert (worst.kind, [answer.policy for answer in worst.answers]) == (None, ["top_1"])
