"""The whole build with held-out photos: what they teach the snapshot, and when they teach nothing."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.common.errors import (
    CatalogueInvalid,
    ModelUnavailable,
)
from services.indexer.config import IndexerSettings
from services.indexer.pipeline import BuildReport, build_snapshot
from services.relevance.scoring import UNFITTED
from services.relevance.waves import EVERYWHERE
from services.snapshot.store import SnapshotStore
from tests.support.galleries import (
    CLASSIFIER,
    FakeModels,
    Gallery,
    RecordedProgress,
    make_gallery,
    make_photos,
)

IMAGES = {"Bag": 20, "Ankle boot": 15, "Coat": 5}
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture
def gallery(tmp_path: Path) -> Gallery:
    return make_gallery(tmp_path, IMAGES)


def _build(settings: IndexerSettings, models: FakeModels | None = None) -> BuildReport:
    return build_snapshot(settings, RecordedProgress(), connect=models or FakeModels(), now=lambda: NOON)


def test_held_out_photos_teach_the_snapshot_what_scores_are_worth(gallery: Gallery, tmp_path: Path) -> None:
    """Every shard has its map, and the classifier, which is right about all photos, leaves one shard to search."""
    photos = make_photos(tmp_path, gallery)
    report = _build(gallery.settings(tmp_path / "root", photos=photos, photos_root=tmp_path))
    manifest = SnapshotStore(tmp_path / "root").manifest()
    assert manifest == report.manifest
    relevance = manifest.relevance
    assert relevance is not None
    assert (relevance.photos, relevance.fusion.classifier_sha256) == (40, CLASSIFIER.sha256)
    assert relevance.fusion.weights.prior_weight > 0
    assert relevance.fusion.waves.first_mass < 0.999
    assert UNFITTED not in {shard.similarity_map for shard in manifest.shards}
    assert report.remarks == ()


def test_the_order_of_answers_changes_nothing_that_is_learned(gallery: Gallery, tmp_path: Path) -> None:
    """Photos are asked about many at a time, and the manifest is the same to the last bit."""
    photos = make_photos(tmp_path, gallery)
    first = _build(gallery.settings(tmp_path / "one", photos=photos, photos_root=tmp_path, in_flight=1))
    second = _build(
        gallery.settings(tmp_path / "two", photos=photos, photos_root=tmp_path, in_flight=7, batch_size=3),
        FakeModels(delay_seconds=0.001),
    )
    assert first.manifest == second.manifest


def test_a_classifier_of_another_shop_is_not_trusted(gallery: Gallery, tmp_path: Path) -> None:
    """It knows none of the categories: scores are fitted, its prior has no weight, and every shard is searched."""
    photos = make_photos(tmp_path, gallery)
    elsewhere = replace(CLASSIFIER, labels=("Apple", "Pear", "Plum", "Fig"))
    report = _build(
        gallery.settings(tmp_path / "root", photos=photos, photos_root=tmp_path), FakeModels(classifier=elsewhere)
    )
    assert report.manifest.relevance is not None
    fusion = report.manifest.relevance.fusion
    assert (fusion.weights.prior_weight, fusion.waves) == (0.0, EVERYWHERE)
    assert report.remarks == ("classifier fake-1 knows none of the catalogue's categories",)


def test_without_a_classifier_nothing_is_fitted(gallery: Gallery, tmp_path: Path) -> None:
    """The snapshot is published all the same, and people are told."""
    photos = make_photos(tmp_path, gallery)
    report = _build(
        gallery.settings(tmp_path / "root", photos=photos, photos_root=tmp_path), FakeModels(classifier=None)
    )
    assert report.manifest.relevance is None
    assert report.remarks == ("scores are not fitted: Triton serves no classifier",)
    assert {shard.similarity_map for shard in report.manifest.shards} == {UNFITTED}


def test_too_few_photos_fit_nothing_and_say_why(gallery: Gallery, tmp_path: Path) -> None:
    """What can't be read or used is left out with its reason; 29 photos are one too few."""
    photos = make_photos(tmp_path, gallery)
    header, *rows = photos.read_text().splitlines()
    (tmp_path / "photos" / "0.png").write_bytes(b"no photo")
    unsold = rows[39].replace("Coat-p2", "Coat-p9")
    photos.write_text("\n".join([header, *rows[:30], unsold]))
    report = _build(gallery.settings(tmp_path / "root", photos=photos, photos_root=tmp_path))
    assert report.manifest.relevance is None
    lacks, unreadable, few = report.remarks
    assert lacks == "held-out photos left out: the catalogue lacks the product (1 of them, the first photos/39.png)"
    assert unreadable.startswith("held-out photos left out: 1 can't be read; the first is ")
    assert few == "scores are not fitted: 29 held-out photos show products that their shards find, and fitting needs 30"


def test_photos_of_one_product_fit_nothing_and_say_why(gallery: Gallery, tmp_path: Path) -> None:
    """However many they are."""
    photos = make_photos(tmp_path, gallery)
    header, *rows = photos.read_text().splitlines()
    product = rows[0].partition(",")[2]
    photos.write_text("\n".join([header, *(f"{row.partition(',')[0]},{product}" for row in rows)]))
    report = _build(gallery.settings(tmp_path / "root", photos=photos, photos_root=tmp_path))
    assert report.manifest.relevance is None
    (why,) = report.remarks
    assert why.startswith("scores are not fitted: all 40 held-out photos show product ")


def test_photos_without_products_teach_nothing(gallery: Gallery, tmp_path: Path) -> None:
    """A table that was made for a classifier names categories only: no fault, and nothing is learned."""
    photos = make_photos(tmp_path, gallery)
    header, *rows = photos.read_text().splitlines()
    nameless = [",,".join(row.split(",")[::2]) for row in rows]
    photos.write_text("\n".join([header, *nameless]))
    report = _build(gallery.settings(tmp_path / "root", photos=photos, photos_root=tmp_path))
    assert report.manifest.relevance is None
    why, few = report.remarks
    assert why == "held-out photos left out: no product is named (40 of them, the first photos/0.png)"
    assert few.startswith("scores are not fitted: 0 held-out photos")


def test_photos_that_are_not_there_fail_the_build_before_anything_is_embedded(gallery: Gallery, tmp_path: Path) -> None:
    """Their root is the image root unless told otherwise, and here that is wrong."""
    models = FakeModels()
    with pytest.raises(CatalogueInvalid, match=r"photos\.csv: none of its photos is there"):
        _build(gallery.settings(tmp_path / "root", photos=make_photos(tmp_path, gallery)), models)
    assert models.batches == []


def test_a_triton_that_goes_away_while_photos_are_tried_fails_the_build(gallery: Gallery, tmp_path: Path) -> None:
    """Nothing is published; the next run embeds the photos again, but no picture of the gallery."""
    settings = gallery.settings(
        tmp_path / "root", photos=make_photos(tmp_path, gallery), photos_root=tmp_path, patience_seconds=0
    )
    with pytest.raises(ModelUnavailable):
        _build(settings, FakeModels(classifier_failures=[ModelUnavailable("away")]))
    assert not (tmp_path / "root" / "CURRENT").exists()
    report = _build(settings)
    assert report.embedded == 0
    assert report.manifest.relevance is not None
