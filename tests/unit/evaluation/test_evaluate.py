"""A whole evaluation of a small shop, from its folder to the two files."""

import json
from collections import Counter
from pathlib import Path

import pytest

from services.client.types import Policy
from services.common.errors import CatalogueInvalid, PolicyUnavailable, UnknownCategory
from services.evaluation.evaluate import EvaluationOptions, evaluate
from services.evaluation.observation import Way
from services.evaluation.plan import PROBABILITY_MASSES
from services.photo.labelled import LabelledPhoto
from tests.support.shoppers import FakeTarget, make_shop, result

PHOTOS = [LabelledPhoto(f"photos/{number}.jpg", "Shoe", "shoe-1") for number in range(4)]


async def test_an_evaluation_writes_both_files(tmp_path: Path) -> None:
    """The cascade finds what the baseline puts second; the files say so, and nothing unfinished is left."""
    shop, out = make_shop(tmp_path / "shop", PHOTOS), tmp_path / "deep" / "out"
    photos = [(shop / photo.photo_path).read_bytes() for photo in PHOTOS]
    baseline = result(["bag-1", "shoe-1"], predicted=None, searched=("",))
    target = FakeTarget({(photo, Way(Policy.BASELINE)): baseline for photo in photos})
    report = await evaluate(shop, target, out, command="aisle evaluate shop")
    written = json.loads((out / "report.json").read_text())
    assert written == json.loads(report.to_json())
    assert (written["dataset"], written["command"], written["queries"]) == ("shop", "aisle evaluate shop", 4)
    assert written["policies"]["baseline"]["recall_at_1"] == 0
    assert written["policies"]["adaptive"]["recall_at_1"] == 1
    assert written["classifier_top1_accuracy"] == 1
    assert [case["kind"] for case in written["cases"]] == ["gained"] * 4
    assert written["cases"][0]["product_image_path"] == "gallery/shoe-1.png"
    assert [hit["category"] for hit in written["cases"][0]["answers"][0]["hits"]] == ["Bag", "Shoe"]
    assert written["queries_not_in_gallery"] == 0
    assert sorted(path.name for path in out.iterdir()) == ["report.html", "report.json"]
    assert "data:image/jpeg" in (out / "report.html").read_text()


async def test_a_limit_takes_fewer_photos_and_says_so(tmp_path: Path) -> None:
    """The report tells how many there would have been."""
    report = await evaluate(
        make_shop(tmp_path, PHOTOS), FakeTarget(), tmp_path / "out", command="x", options=EvaluationOptions(limit=2)
    )
    assert (report.queries, report.method.available_queries) == (2, 4)


async def test_a_snapshot_without_baseline_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    """Unless the baseline is not asked for."""
    shop, target = make_shop(tmp_path, PHOTOS), FakeTarget(has_baseline=False)
    with pytest.raises(PolicyUnavailable, match="no baseline index"):
        await evaluate(shop, target, tmp_path / "out", command="x")
    assert target.asked == []
    report = await evaluate(shop, target, tmp_path / "out", command="x", options=EvaluationOptions([Policy.TOP_1]))
    assert list(report.policies) == ["top_1"]


async def test_photos_of_another_shop_are_refused(tmp_path: Path) -> None:
    """A gateway that serves none of the categories serves another catalogue; all zeros would only look like figures."""
    shop = make_shop(tmp_path, [LabelledPhoto("photos/0.jpg", "Fruit", "apple")], {"apple": "Fruit"})
    with pytest.raises(UnknownCategory, match="index and serve that dataset first"):
        await evaluate(shop, FakeTarget(), tmp_path / "out", command="x")


async def test_a_dataset_without_labelled_photos_is_refused(tmp_path: Path) -> None:
    """There is nothing to measure with."""
    shop = make_shop(tmp_path, [])
    with pytest.raises(CatalogueInvalid, match="no labelled photos"):
        await evaluate(shop, FakeTarget(), tmp_path / "out", command="x")


async def test_what_is_asked_beyond_the_policies_is_asked_after_them(tmp_path: Path) -> None:
    """Latencies are those of the timed run: the oracle, the index question and the curve come when it is over."""
    shop, target = make_shop(tmp_path, PHOTOS), FakeTarget()
    photos = [(shop / photo.photo_path).read_bytes() for photo in PHOTOS]
    hidden = result(["bag-1"], predicted=None, searched=("",))
    target.answers[photos[1], Way(Policy.BASELINE)] = target.answers[photos[2], Way(Policy.BASELINE)] = hidden
    target.answers[photos[2], Way(Policy.BASELINE, exact=True)] = hidden
    report = await evaluate(shop, target, tmp_path / "out", command="x", options=EvaluationOptions(curve_photos=2))
    ways = [way for _, way, _, _ in target.asked]
    plain = [number for number, way in enumerate(ways) if way == Way(way.policy)]
    assert len(plain) == 5 * (1 + 4)
    assert max(plain) == len(plain) - 1
    asked = Counter(ways[len(plain) :])
    assert asked.pop(Way(Policy.TOP_1, categories=("Shoe",))) == 4
    assert asked.pop(Way(Policy.BASELINE, exact=True)) == 2
    assert asked == {Way(Policy.TOP_P, probability_mass=mass): 2 for mass in PROBABILITY_MASSES}
    first = report.policies["baseline"].losses[0]
    assert (first.found, first.index_missed, first.ranked_below) == (0.5, 0.25, 0.25)
    assert report.oracle is not None
    assert (report.oracle.recall_at_1, report.oracle.not_searched) == (1, 0)
    assert report.break_even is not None
    assert report.break_even.accuracy == pytest.approx(0.5)
    assert report.price_of_safety is not None
    assert report.price_of_safety.queries == 2


async def test_the_curve_can_be_left_out(tmp_path: Path) -> None:
    """It is the most searches beyond the policies."""
    options = EvaluationOptions(curve_photos=0)
    report = await evaluate(make_shop(tmp_path, PHOTOS), FakeTarget(), tmp_path / "o", command="x", options=options)
    assert report.price_of_safety is None


async def test_photos_of_strange_categories_and_without_products_are_told_of(tmp_path: Path) -> None:
    """Any labelled photos, any catalogue: what can't be judged is said, and the rest is measured."""
    photos = [*PHOTOS, LabelledPhoto("photos/8.jpg", "Spaceship", "x-wing"), LabelledPhoto("photos/9.jpg", "Bag", "")]
    report = await evaluate(make_shop(tmp_path, photos), FakeTarget(), tmp_path / "out", command="x")
    assert [notice.code for notice in report.notices] == ["CATEGORIES_NOT_SERVED", "NOT_IN_GALLERY"]
    assert "Spaceship" in report.notices[0].text
    assert (report.queries, report.queries_with_product, report.queries_not_in_gallery) == (6, 5, 1)
    assert report.policies["baseline"].losses[0].not_in_gallery == pytest.approx(0.2)
    assert report.oracle is not None
    assert report.oracle.not_searched == 1
