"""A reader is warned of what makes figures mean less, in the same words everywhere."""

from dataclasses import replace

from services.client.types import CatalogCategory, Policy
from services.evaluation.notices import Facts, notices
from services.evaluation.schema import BreakEven
from tests.support.shoppers import METHOD, catalog, query, report_of, seen

B, T = Policy.BASELINE, Policy.TOP_1
SOUND = Facts([query()], catalog(), {}, None, 0, METHOD)


def _codes(facts: Facts) -> list[str]:
    return [notice.code for notice in notices(facts)]


def test_a_sound_run_has_none() -> None:
    """Also when the classifier is just good enough."""
    assert (
        _codes(replace(SOUND, break_even=BreakEven(accuracy=0.6, classifier_top1_accuracy=0.6, top_1_pays=True))) == []
    )


def test_a_classifier_below_break_even_comes_first() -> None:
    """With both accuracies, so that one sees how far it is."""
    even = BreakEven(accuracy=0.68, classifier_top1_accuracy=0.52, top_1_pays=False)
    facts = replace(SOUND, break_even=even, not_in_gallery=3)
    assert _codes(facts) == ["CLASSIFIER_BELOW_BREAK_EVEN", "NOT_IN_GALLERY"]
    text = notices(facts)[0].text
    assert "52.0" in text
    assert "68.0" in text
    hopeless = replace(SOUND, break_even=even.model_copy(update={"accuracy": 1.2}))
    assert "even a perfect classifier would lose" in notices(hopeless)[0].text


def test_an_unfitted_snapshot_is_told_of_where_adaptive_was_measured() -> None:
    """Whoever measured other policies only does not care."""
    unfitted = replace(catalog(), is_adaptive_fitted=False)
    report = report_of([query()], [seen(0, Policy.ADAPTIVE, (1,))])
    policies = {Policy.ADAPTIVE: report.policies["adaptive"]}
    assert _codes(replace(SOUND, catalog=unfitted, policies=policies)) == ["ADAPTIVE_NOT_FITTED"]
    assert _codes(replace(SOUND, catalog=unfitted)) == []


def test_categories_that_nobody_serves_or_predicts_are_named() -> None:
    """Six unknown ones: five by name, and how many more."""
    strange = [query(number, category=f"c{number}") for number in range(6)]
    facts = replace(SOUND, queries=[query(), *strange])
    assert _codes(facts) == ["CATEGORIES_NOT_SERVED"]
    assert notices(facts)[0].text.endswith("no aisle can find: 6 (c0, c1, c2, c3, c4 and 1 more).")
    silent = replace(catalog(), categories=(CatalogCategory("Shoe", 1, 1, routable=False),))
    assert _codes(replace(SOUND, catalog=silent)) == ["CATEGORIES_NOT_ROUTABLE"]


def test_photos_without_any_product_are_told_of() -> None:
    """Else dashes everywhere would be a riddle."""
    assert _codes(replace(SOUND, queries=[query(0, "")])) == ["NO_PRODUCTS"]


def test_errors_partial_answers_and_flights_are_told_of() -> None:
    """They are in the report that programs read, too."""
    observations = [seen(0, T, outcome="partial"), seen(1, T, outcome="error", error="X")]
    report = report_of([query(0), query(1)], observations)
    assert [notice.code for notice in report.notices] == ["ERRORS", "PARTIAL_ANSWERS"]
    assert _codes(replace(SOUND, method=METHOD.model_copy(update={"in_flight": 4}))) == ["SEVERAL_IN_FLIGHT"]


def test_failed_searches_beside_the_policies_are_told_of() -> None:
    """An oracle that failed would look like a limit of the catalogue."""
    failed = [seen(0, T, outcome="error", error="X")]
    report = report_of([query()], [seen(0, T, (1,))], oracle=failed, exact=[seen(0, T, (1,))])
    assert [notice.code for notice in report.notices] == ["EXTRA_ERRORS"]
    assert report.notices[0].text.endswith(": 1.")
