"""Adding pictures: what is taken over, what is refused before anything is embedded, and what is kept apart."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from services.common.errors import (
    CatalogueInvalid,
    FailedPrecondition,
    SettingsInvalid,
    SnapshotInvalid,
    SnapshotNotFound,
    SpaceMismatch,
)
from services.indexer.adding import usual_map
from services.relevance.scoring import SimilarityMap
from services.snapshot.tables import read_table
from services.snapshot.writer_lock import sole_writer
from tests.support.galleries import MODEL, FakeModels, make_photos
from tests.support.shop import Shop, counts

IMAGES = {"Bag": 6, "Coat": 4, "Hat": 2}
BAGS, COATS, HATS = range(6), range(6, 10), range(10, 12)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A shop with all bags but the last product, and coats; hats are still to come."""
    shop = Shop.make(tmp_path, IMAGES)
    shop.build([*BAGS[:4], *COATS], dataset="shop")
    return shop


def test_one_segment_more_in_each_shard_that_is_touched(shop: Shop) -> None:
    """A new category becomes a shard, the baseline gets a segment, and the rest is as it was."""
    before = shop.store.manifest()
    report = shop.add([4, 5, *HATS])
    assert counts(report.manifest) == {"bag": (6, 3, 2), "coat": (4, 2, 1), "hat": (2, 1, 1), "_all": (12, 6, 2)}
    assert (report.embedded, report.skipped) == (4, 0)
    assert report.manifest == shop.store.manifest()
    same = ("dataset", "image_root", "space_id", "embedder", "relevance", "attributes", "skipped_images")
    assert [getattr(report.manifest, name) for name in same] == [getattr(before, name) for name in same]


def test_scores_are_taken_over(tmp_path: Path) -> None:
    """Each shard keeps what photos taught it; a new category gets what they taught about all."""
    shop = Shop.make(tmp_path, {"Bag": 20, "Coat": 16, "Dress": 4})
    photos = make_photos(tmp_path, shop.gallery)
    before = shop.build(range(36), photos=photos, photos_root=tmp_path).manifest
    after = shop.add(range(36, 40)).manifest
    assert before.relevance is not None
    assert after.relevance == before.relevance
    maps = {shard.slug: shard.similarity_map for shard in before.shards}
    assert {shard.slug: shard.similarity_map for shard in after.shards} == {**maps, "dress": maps["_all"]}


def test_without_a_baseline_a_new_category_s_scores_are_those_in_the_middle(shop: Shop) -> None:
    """The median of the others is the best guess there is."""
    manifest = shop.add(HATS).manifest
    maps = [SimilarityMap(slope, intercept) for slope, intercept in ((8.0, -3.0), (12.0, -9.0), (11.0, -4.0))]
    shards = [
        shard.model_copy(update={"similarity_map": one})
        for shard, one in zip(manifest.category_shards, maps, strict=True)
    ]
    assert usual_map(manifest.model_copy(update={"shards": tuple(shards)})) == SimilarityMap(11.0, -4.0)


@pytest.mark.parametrize(
    ("rows", "values", "words"),
    [
        ((3, 4), {}, r"row 2: image_id 'Bag-3' is already in snapshot 2026.*, one of 1 such images; delete"),
        ((4,), {"product_id": "Coat-p1"}, r"row 2: product 'Coat-p1' is in category 'Bag', but in 'Coat' in snapshot"),
        ((4,), {"category": "BAG"}, r"'Bag' and 'BAG' are too alike"),
        ((4,), {"colour": ""}, r"column 'colour' is missing; the snapshot has it"),
        ((4,), {"size": "XL"}, r"the snapshot has no attribute 'size'"),
        ((4,), {"price": "cheap"}, r"row 2: attribute 'price' is 'cheap', but in the snapshot it is int64"),
        ((4,), {"price": "9.5"}, r"row 2: attribute 'price' is '9.5', but in the snapshot it is int64"),
    ],
)
def test_what_contradicts_the_snapshot_is_refused_before_anything_is_embedded(
    shop: Shop, rows: tuple[int, ...], values: dict[str, str], words: str
) -> None:
    """By file, row or column; nothing is published."""
    before, models = shop.store.current_id(), FakeModels()
    with pytest.raises(CatalogueInvalid, match=words):
        shop.add(catalogue=shop.catalogue(rows, **values), models=models)
    assert models.batches == []
    assert shop.store.current_id() == before


def test_another_embedder_is_refused(shop: Shop) -> None:
    """Vectors of two spaces never meet; both are named."""
    models = FakeModels(replace(MODEL, sha256="ef" * 32, version="fake-2"))
    with pytest.raises(SpaceMismatch, match=r"embedder fake-1 .*Triton serves embedder fake-2 "):
        shop.add(HATS, models=models)
    assert models.batches == []


def test_what_was_withdrawn_can_be_added_again_in_another_category(shop: Shop) -> None:
    """A product that moves to another department is found there, and the baseline says so, too."""
    shop.delete(products=["Bag-p1"])
    moved = shop.catalogue([2, 3], category="Hat")
    manifest = shop.add(catalogue=moved).manifest
    assert counts(manifest) == {"bag": (2, 1, 1), "coat": (4, 2, 1), "hat": (2, 1, 1), "_all": (8, 4, 2)}
    found = shop.answers()["_all"][2]
    assert [hit[:3] for hit in found if hit[0] == "Bag-p1"] == [("Bag-p1", "Bag-2", "Hat")]


def test_a_picture_that_can_not_be_read_is_left_out_and_counted(shop: Shop) -> None:
    """As in a build of a whole catalogue."""
    (shop.gallery.image_root / shop.gallery.image_paths[5]).write_bytes(b"no picture")
    report = shop.add([4, 5], max_unreadable_share=0.5)
    assert (report.skipped, report.manifest.skipped_images) == (1, 1)
    assert counts(report.manifest)["bag"] == (5, 3, 2)
    assert report.skip_list.read_text().splitlines()[1].startswith("3,Bag-5,Bag/5.png,")


def test_an_addition_goes_on_where_it_stopped(shop: Shop, tmp_path: Path) -> None:
    """When publishing failed, no vector is made again; when it went well, they are forgotten."""
    file = shop.store.manifest().shards[1].segments[0].index.file
    path = Path(shop.root) / "snapshots" / shop.store.current_id() / file.path
    path.rename(tmp_path / "away")
    with pytest.raises(SnapshotInvalid, match="index"):
        shop.add([4, 5, *HATS])
    (tmp_path / "away").rename(path)
    journals = set(Path(shop.root).glob("building/*/vectors.journal"))
    report = shop.add([4, 5, *HATS])
    assert report.embedded == 0
    assert counts(report.manifest)["hat"] == (2, 1, 1)
    left = set(Path(shop.root).glob("building/*/vectors.journal"))
    assert (len(journals), len(left)) == (2, 1)
    assert {path.name for path in Path(shop.root).glob("building/*")} == {path.parent.name for path in left}


def test_pictures_may_lie_deeper_in_the_snapshot_s_image_root(shop: Shop) -> None:
    """Their paths are made relative to the one root that a snapshot has."""
    catalogue = shop.catalogue([10], image_path="0.png")
    shop.add(catalogue=catalogue, image_root=shop.gallery.image_root / "Hat")
    table = shop.store.fetch(shop.store.manifest(), shop.store.manifest().shards[2].segments[0].items)
    assert b"Hat/0.png" in table.read_bytes()


def test_pictures_outside_the_snapshot_s_image_root_are_refused(shop: Shop, tmp_path: Path) -> None:
    """Both folders are named, and what to do."""
    with pytest.raises(CatalogueInvalid, match=r"does not lie in .*images.*put the new pictures there"):
        shop.add(HATS, image_root=tmp_path)


def test_there_must_be_a_snapshot(tmp_path: Path) -> None:
    """An empty root stays empty: it may be a typing error."""
    shop = Shop.make(tmp_path, IMAGES)
    with pytest.raises(SnapshotNotFound, match="aisle index"):
        shop.add(HATS)
    assert not Path(shop.root).exists()


def test_two_writers_at_once_are_one_writer_and_an_error(shop: Shop, tmp_path: Path) -> None:
    """The second is told to wait, and changes nothing; what has embedded for hours waits by itself."""
    before = shop.store.current_id()
    with ThreadPoolExecutor(1) as other:
        with sole_writer(shop.root, tmp_path / "work"):
            with pytest.raises(FailedPrecondition, match="another command is changing the snapshots"):
                shop.delete(["Bag-0"])
            adding = other.submit(shop.add, HATS)
            with pytest.raises(TimeoutError):
                adding.result(timeout=0.5)
            assert shop.store.current_id() == before
        assert counts(adding.result(timeout=20).manifest)["hat"] == (2, 1, 1)


def test_others_may_write_while_pictures_are_embedded(shop: Shop) -> None:
    """Withdrawing and going back can't wait for a night of embedding; the addition starts from what they left."""
    report = shop.add(HATS, models=FakeModels(meanwhile=lambda: shop.delete(["Coat-0"])))
    deleted = shop.store.manifest(report.manifest.parent)
    assert counts(deleted)["coat"] == (3, 2, 1)
    assert counts(report.manifest) == {"bag": (4, 2, 1), "coat": (3, 2, 1), "hat": (2, 1, 1), "_all": (9, 5, 2)}


def test_what_came_meanwhile_is_looked_at_for_contradictions(shop: Shop) -> None:
    """Two additions of the same pictures: the later one is refused, or passes them over where that was wished."""
    first = FakeModels(meanwhile=lambda: shop.add([10], name="other.csv"))
    with pytest.raises(CatalogueInvalid, match=r"image_id 'Hat-0' is already in snapshot .*--ignore-existing"):
        shop.add(HATS, models=first)
    second = FakeModels(meanwhile=lambda: shop.add([4], name="other.csv"))
    manifest = shop.add([4, 5, *HATS], models=second, ignore_existing=True).manifest
    assert counts(manifest) == {"bag": (6, 3, 3), "coat": (4, 2, 1), "hat": (2, 1, 2), "_all": (12, 6, 4)}


def test_existing_pictures_are_passed_over_on_demand(shop: Shop) -> None:
    """A daily list of everything adds what is new; when nothing is, nothing is published."""
    models = FakeModels()
    report = shop.add([*BAGS, *COATS], models=models, ignore_existing=True)
    assert (sum(models.batches), report.embedded) == (2, 2)
    assert counts(report.manifest) == {"bag": (6, 3, 2), "coat": (4, 2, 1), "_all": (10, 5, 2)}
    again = shop.add([*BAGS, *COATS], ignore_existing=True)
    assert (again.manifest, again.published_at, again.embedded) == (report.manifest, None, 0)
    assert shop.store.manifest() == report.manifest


def test_text_stays_as_it_stands_in_the_file(shop: Shop) -> None:
    """A column of strings takes what looks like a number to the letter."""
    manifest = shop.add(catalogue=shop.catalogue([4], colour="0x1F")).manifest
    manifest = shop.add(catalogue=shop.catalogue([5], colour="1.50", price="7.0")).manifest
    bag = manifest.shard("bag")
    assert bag is not None
    tables = [read_table(shop.store.fetch(manifest, segment.items)) for segment in bag.segments[1:]]
    assert [table["colour"].to_pylist() for table in tables] == [["0x1F"], ["1.50"]]
    assert tables[1]["price"].to_pylist() == [7]


def test_indexes_are_not_wished_otherwise_in_passing(shop: Shop) -> None:
    """The snapshot has its rules; one segment of another kind would be nobody's wish."""
    with pytest.raises(SettingsInvalid, match="aisle snapshot compact"):
        shop.add(HATS, index_factory="HNSW8")


def test_held_out_photos_are_refused(shop: Shop) -> None:
    """They would teach about the addition alone."""
    with pytest.raises(ValueError, match="takes over the scores"):
        shop.add(HATS, photos=Path("photos.csv"))
