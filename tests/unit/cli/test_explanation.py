"""Where an answer parts from the truth, stage by stage."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from services.cli.explanation import Stage, differences, replayed_categories
from services.client.types import (
    CategoryProbability,
    Coverage,
    PhotoReport,
    ProductHit,
    Rung,
    SearchResult,
    ShardCoverage,
    ShardState,
    Verdict,
)

_REPORT = PhotoReport("JPEG", 640, 480, 1, 1, cropped=False)


def hit(product: str, category: str, score: float = 0.5) -> ProductHit:
    return ProductHit(product, f"{product}-image", category, score, 0.9, f"{product}.jpg")


def result(hits: Sequence[ProductHit], states: Mapping[str, ShardState]) -> SearchResult:
    """Return an answer of some shards; the classifier likes shoes."""
    shards = tuple(ShardCoverage(each, state, 0.5, 1.0, "gone", True, 1) for each, state in states.items())  # noqa: FBT003
    return SearchResult(
        hits=tuple(hits),
        categories=(CategoryProbability("shoes", 0.9), CategoryProbability("bags", 0.1)),
        coverage=Coverage(1.0, 1.0, not all(state.answered for state in states.values()), shards),
        photo=_REPORT,
        timings_ms={},
        snapshot_id="s",
        models=(),
        rung=Rung.FULL,
        verdict=Verdict.UNKNOWN,
    )


ANSWERED = {"shoes": ShardState.ANSWERED, "bags": ShardState.ANSWERED}
TRUTH = result([hit("bag-1", "bags"), hit("shoe-1", "shoes")], ANSWERED)
ONLY_SHOES = [hit("shoe-1", "shoes")]


@pytest.mark.parametrize(
    ("answer", "alone", "stage", "word"),
    [
        (result(ONLY_SHOES, {"shoes": ShardState.ANSWERED}), ["bag-1"], Stage.ROUTING, "10.0%"),
        (result(ONLY_SHOES, {**ANSWERED, "bags": ShardState.LATE}), ["bag-1"], Stage.MISSING, "late: gone"),
        (result(ONLY_SHOES, ANSWERED), ["bag-2"], Stage.INDEX, "an exact search does"),
        (result(ONLY_SHOES, ANSWERED), ["bag-1"], Stage.RANKING, "shoe-1 of shoes"),
        (result(ONLY_SHOES, {"": ShardState.ANSWERED}), ["bag-1"], Stage.RANKING, "shoe-1 of shoes"),
        (result([], {"": ShardState.FAILED}), ["bag-1"], Stage.MISSING, "index over everything"),
    ],
)
def test_a_lost_product_was_lost_at_one_stage(
    answer: SearchResult, alone: Sequence[str], stage: Stage, word: str
) -> None:
    """The first that could have lost it; the words name what is behind it."""
    bags = result([hit(product, "bags") for product in alone], {"bags": ShardState.ANSWERED})
    lost = differences(answer, replace(TRUTH, hits=TRUTH.hits[:1]), {"bags": bags})
    ((product, place, found_stage, why),) = [(each.product_id, each.place, each.stage, each.why) for each in lost]
    assert (product, place, found_stage) == ("bag-1", None, stage)
    assert word in why


def test_the_best_one_in_another_place_is_a_matter_of_ranking() -> None:
    """The others may change places: nobody asks why the third is fourth."""
    moved = differences(result([*ONLY_SHOES, hit("bag-1", "bags")], ANSWERED), TRUTH, {})
    assert [(each.product_id, each.true_place, each.place, each.stage) for each in moved] == [
        ("bag-1", 1, 2, Stage.RANKING)
    ]
    assert differences(TRUTH, TRUTH, {}) == ()


def test_the_best_hits_categories_are_asked_alone_first() -> None:
    """Then the likeliest, each once, and no more than wanted."""
    answer = result([hit("hat-1", "hats")], ANSWERED)
    assert replayed_categories(answer, TRUTH, 10) == ("bags", "shoes", "hats")
    assert replayed_categories(answer, TRUTH, 2) == ("bags", "shoes")
