"""The snapshot's categories as the classifier sees them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.errors import UnknownCategory
from services.gateway.answering.catalog import Catalog
from services.gateway.answering.plan import RankedShard, Scoring
from services.relevance.scoring import UNFITTED
from tests.support import gateway
from tests.support.gateway import manifest_of, relevance_of

LABELS = ("Apples", "Shoes", "Bags", "Pears", "Coats")  # the classifier knows more, and in another order
CLASSIFIER = replace(gateway.CLASSIFIER, labels=LABELS)
OTHER = replace(CLASSIFIER, sha256="ef" * 32)
CATEGORIES = ("Bags", "Coats", "Hats", "Shoes")  # and it knows no hats


def catalog(*, baseline: bool = False) -> Catalog:
    return Catalog.of(manifest_of(CATEGORIES, baseline=baseline), CLASSIFIER)


def test_the_ranking_is_conditioned_on_what_is_here() -> None:
    """Apples take half of the mass and are not sold here; the rest is scaled up to 1, likeliest first."""
    ranked = catalog().rank(np.array([0.5, 0.1, 0.3, 0.0, 0.1], np.float32))
    assert [(shard.slug, shard.category) for shard in ranked] == [
        ("bags", "Bags"),
        ("coats", "Coats"),
        ("shoes", "Shoes"),
        ("hats", "Hats"),
    ]
    assert [shard.probability for shard in ranked] == pytest.approx([0.6, 0.2, 0.2, 0.0])


@given(st.lists(st.floats(0.0, 1.0, width=32), min_size=len(LABELS), max_size=len(LABELS)))
def test_probabilities_always_add_up_to_one(outputs: list[float]) -> None:
    """Whatever the classifier says, unless it gives nothing to any category that is here."""
    ranked = catalog().rank(np.array(outputs, np.float32)) or catalog().indifferent()
    probabilities = [shard.probability for shard in ranked]
    assert sum(probabilities) == pytest.approx(1.0)
    assert probabilities == sorted(probabilities, reverse=True)
    assert {shard.category for shard in ranked} == set(CATEGORIES)


def test_a_category_that_the_classifier_lacks_has_no_probability() -> None:
    """Nor has it anyone else's: position -1 must not read the last label."""
    ranked = catalog().rank(np.array([0.0, 0.0, 0.0, 0.0, 1.0], np.float32))
    assert {shard.category: shard.probability for shard in ranked}["Hats"] == 0.0
    assert catalog().unroutable == ("Hats",)


def test_no_mass_at_all_is_no_ranking() -> None:
    """A photo of something that is not sold here: the classifier has nothing to say about it."""
    ranked = catalog().rank(np.array([1.0, 0.0, 0.0, 0.0, 0.0], np.float32))
    assert ranked == ()


def test_names_are_compared_without_the_space_around_labels() -> None:
    """Labels come from a text file."""
    spaced = replace(CLASSIFIER, labels=(" Coats", "Bags\n"))
    seen = Catalog.of(manifest_of(["Bags", "Coats"]), spaced)
    assert seen.label_positions.tolist() == [1, 0]
    assert seen.unroutable == ()


def test_the_caller_s_categories_are_each_searched_once() -> None:
    """In the caller's order, all alike, whether the classifier knows them or not."""
    assert catalog().chosen(["Shoes", "Hats", "Shoes"]) == (
        RankedShard("shoes", "Shoes", 0.5, UNFITTED),
        RankedShard("hats", "Hats", 0.5, UNFITTED),
    )


@pytest.mark.parametrize("name", ["Spoons", "shoes", " Shoes", ""])
def test_an_unknown_category_is_named(name: str) -> None:
    """Names are compared as they are; the error has the name and the field."""
    with pytest.raises(UnknownCategory, match=repr(name)) as refused:
        catalog().chosen(["Bags", name])
    assert refused.value.field == "routing.categories"


def test_the_baseline_is_no_category() -> None:
    """It is found as the baseline, and neither ranked nor chosen."""
    seen = catalog(baseline=True)
    assert seen.baseline == RankedShard("_all", "", 1.0, UNFITTED)
    assert "_all" not in [shard.slug for shard in seen.indifferent()]
    with pytest.raises(UnknownCategory):
        seen.chosen([""])
    assert catalog().baseline is None


def test_what_was_learned_about_another_classifier_is_not_used() -> None:
    """Not even when the labels are the same; nor is there anything where nothing was learned."""
    learned = manifest_of(CATEGORIES, relevance=relevance_of(classifier_sha256=CLASSIFIER.sha256))
    assert Catalog.of(learned, CLASSIFIER).fusion is not None
    assert Catalog.of(learned, OTHER).fusion is None
    assert catalog().fusion is None


def test_another_classifier_sees_the_same_snapshot_in_its_own_way() -> None:
    """By its labels, and by what was learned about it; the same one need not look again."""
    learned = manifest_of(CATEGORIES, relevance=relevance_of(classifier_sha256=CLASSIFIER.sha256))
    seen = Catalog.of(learned, CLASSIFIER)
    assert seen.seen_by(CLASSIFIER) is seen
    other = seen.seen_by(replace(OTHER, labels=CATEGORIES))
    assert (other.unroutable, other.fusion, other.manifest) == ((), None, learned)
    assert other.seen_by(CLASSIFIER).fusion == seen.fusion


def test_the_threshold_of_plain_scores_needs_no_classifier() -> None:
    """It was learned about similarities, so it holds whatever serves; without it there is no verdict."""
    learned = Catalog.of(manifest_of(relevance=relevance_of()), OTHER)
    assert learned.plain_scoring == Scoring(match_threshold=0.6)
    assert catalog().plain_scoring == Scoring(match_threshold=None)
