"""A whole evaluation of a small shop, from its folder to the two files."""

import json
from pathlib import Path

import pytest

from services.client.types import Policy
from services.common.errors import CatalogueInvalid, PolicyUnavailable, UnknownCategory
from services.datasets.labelled import LabelledPhoto
from services.evaluation.evaluate import evaluate
from services.evaluation.observation import POLICIES
from tests.support.shoppers import FakeTarget, make_shop, result

PHOTOS = [LabelledPhoto(f"photos/{number}.jpg", "Shoe", "shoe-1") for number in range(4)]


async def test_an_evaluation_writes_both_files(tmp_path: Path) -> None:
    """The cascade finds what the baseline puts second; the files say so, and nothing unfinished is left."""
    shop, out = make_shop(tmp_path / "shop", PHOTOS), tmp_path / "deep" / "out"
    photos = [(shop / photo.photo_path).read_bytes() for photo in PHOTOS]
    baseline = result(["bag-1", "shoe-1"], predicted=None, searched=("",))
    target = FakeTarget({(photo, Policy.BASELINE): baseline for photo in photos})
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
    report = await evaluate(make_shop(tmp_path, PHOTOS), FakeTarget(), tmp_path / "out", command="x", limit=2)
    assert (report.queries, report.method.available_queries) == (2, 4)


async def test_a_snapshot_without_baseline_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    """Unless the baseline is not asked for."""
    shop, target = make_shop(tmp_path, PHOTOS), FakeTarget(has_baseline=False)
    with pytest.raises(PolicyUnavailable, match="no baseline index"):
        await evaluate(shop, target, tmp_path / "out", command="x", policies=POLICIES)
    assert target.asked == []
    report = await evaluate(shop, target, tmp_path / "out", command="x", policies=[Policy.TOP_1])
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
