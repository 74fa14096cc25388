"""The whole build with a fake embedder: complete, repeatable, resumed after a crash, and all or nothing."""

import csv
import os
import signal
import subprocess
import sys
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import faiss
import numpy as np
import pytest

from services.common.errors import (
    CatalogueInvalid,
    FailedPrecondition,
    Internal,
    SnapshotInvalid,
    SpaceMismatch,
)
from services.indexer import adding, pipeline
from services.indexer.config import IndexerSettings
from services.indexer.pictures import Picture, read_pixels
from services.indexer.pipeline import BuildReport, build_snapshot
from services.snapshot.index_rules import IndexRules
from services.snapshot.sharing import own_files
from services.snapshot.store import SnapshotStore
from services.snapshot.tables import read_table
from tests.support.galleries import (
    MODEL,
    SIDE,
    FakeModels,
    Gallery,
    RecordedProgress,
    make_gallery,
    project,
)
from tests.support.shop import Shop

IMAGES = {"Bag": 20, "Ankle boot": 15, "Coat": 5}
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture
def gallery(tmp_path: Path) -> Gallery:
    return make_gallery(tmp_path, IMAGES)


def _build(settings: IndexerSettings, models: FakeModels | None = None) -> BuildReport:
    return build_snapshot(settings, RecordedProgress(), connect=models or FakeModels(), now=lambda: NOON)


def _spoil(gallery: Gallery, *rows: int) -> None:
    for row in rows:
        (gallery.image_root / gallery.image_paths[row]).write_bytes(b"no picture")


def _skip_list(report_or_path: Path) -> list[list[str]]:
    with report_or_path.open(encoding="utf-8", newline="") as stream:
        return list(csv.reader(stream))


def test_a_build_is_a_snapshot_that_a_store_serves(gallery: Gallery, tmp_path: Path) -> None:
    """Every picture is in its category's shard and in the baseline, under its own vector and its own item."""
    report = _build(gallery.settings(tmp_path / "root", dataset="shop"))
    store = SnapshotStore(tmp_path / "root")
    manifest = store.manifest()
    assert manifest == report.manifest
    assert [(s.slug, s.category, s.images, s.products) for s in manifest.shards] == [
        ("ankle-boot", "Ankle boot", 15, 8),
        ("bag", "Bag", 20, 10),
        ("coat", "Coat", 5, 3),
        ("_all", "", 40, 21),
    ]
    assert (manifest.dataset, manifest.dimension, manifest.skipped_images) == ("shop", 16, 0)
    assert manifest.space_id == MODEL.space.space_id
    assert manifest.image_root == str(gallery.image_root)
    for shard in manifest.shards:
        files = [store.fetch(manifest, entry) for entry in own_files(manifest) if entry.path.startswith(shard.slug)]
        index, items = faiss.read_index(str(files[0])), read_table(files[1]).to_pydict()
        paths = [gallery.image_root / path for path in items["image_path"]]
        pixels = [read_pixels(Picture(0, path, 0, 0), SIDE, SIDE) for path in paths]
        np.testing.assert_allclose(
            index.reconstruct_n(0, shard.images), project(np.array(pixels, dtype=np.uint8)), atol=1e-6
        )
        assert list(items) == ["image_id", "product_id", "category", "image_path", "colour", "price"]
        assert set(items["category"]) == ({shard.category} if shard.category else set(IMAGES))


def test_the_same_input_gives_the_same_snapshot(gallery: Gallery, tmp_path: Path) -> None:
    """Same digests of all files, same id: only time tells two builds apart, and here it stands still."""
    first = _build(gallery.settings(tmp_path / "first", in_flight=1))
    second = _build(gallery.settings(tmp_path / "second", in_flight=7, batch_size=3))
    assert first.manifest == second.manifest


def test_the_baseline_can_be_left_out(gallery: Gallery, tmp_path: Path) -> None:
    """Without it the snapshot is half as large and BASELINE is not offered."""
    report = _build(gallery.settings(tmp_path / "root", baseline=False))
    assert report.manifest.baseline_shard is None
    assert len(report.manifest.category_shards) == 3


def test_a_build_killed_in_the_middle_redoes_only_what_is_missing(gallery: Gallery, tmp_path: Path) -> None:
    """After SIGKILL at the 6th request of 4 pictures, the next run embeds the 20 that are left, not all 40."""
    settings = gallery.settings(tmp_path / "root", batch_size=4, in_flight=1)
    program = (
        "import sys; from services.indexer.config import IndexerSettings as S\n"
        "from services.indexer.pipeline import build_snapshot\n"
        "from tests.support.galleries import FakeModels, RecordedProgress\n"
        "build_snapshot(S.model_validate_json(sys.argv[1]), RecordedProgress(), connect=FakeModels(kill_at_request=6))"
    )
    root = Path(__file__).parents[3]
    killed = subprocess.run(
        [sys.executable, "-c", program, settings.model_dump_json()], cwd=root, check=False, timeout=60
    )
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "root" / "CURRENT").exists()
    models, progress = FakeModels(), RecordedProgress()
    report = build_snapshot(settings, progress, connect=models, now=lambda: NOON)
    assert sum(models.batches) == report.embedded == 20
    assert progress.stages == [("embedding pictures", 40, 20, 40), ("writing shards", 80, 0, 80)]
    assert report.manifest == _build(gallery.settings(tmp_path / "other root")).manifest


def test_what_a_crashed_run_left_in_the_draft_is_not_published(gallery: Gallery, tmp_path: Path) -> None:
    """A run that died while it wrote shards leaves half a draft; the next one starts it afresh."""
    report = _build(gallery.settings(tmp_path / "root"))
    left_over = report.skip_list.parent / "draft" / "bag"
    left_over.mkdir(parents=True)
    (left_over / "index.faiss.part").write_bytes(b"half an index")
    report = build_snapshot(
        gallery.settings(tmp_path / "root"), RecordedProgress(), connect=FakeModels(), now=lambda: NOON.replace(hour=13)
    )
    files = [path.name for path in (tmp_path / "root" / "snapshots" / report.manifest.snapshot_id / "bag").iterdir()]
    assert sorted(files) == ["golden.arrow", "index.faiss", "items.arrow"]


def test_a_picture_that_was_replaced_is_redone(gallery: Gallery, tmp_path: Path) -> None:
    """A second build embeds nothing but the picture that changed, and its vector is the new one."""
    settings = gallery.settings(tmp_path / "root")
    first = _build(settings)
    changed, other = (gallery.image_root / gallery.image_paths[row] for row in (3, 25))
    changed.write_bytes(other.read_bytes())
    os.utime(changed, ns=(1, 1))
    report = _build(settings)
    assert (first.embedded, report.embedded) == (40, 1)
    changed_files = {
        a.path for a, b in zip(own_files(first.manifest), own_files(report.manifest), strict=True) if a != b
    }
    assert {path.split("/")[0] for path in changed_files} == {"bag", "_all"}


def test_another_embedder_takes_nothing_over(gallery: Gallery, tmp_path: Path) -> None:
    """Vectors of two spaces never meet, not even in the folder of unfinished work."""
    settings = gallery.settings(tmp_path / "root")
    _build(settings)
    assert _build(settings, FakeModels(replace(MODEL, sha256="ef" * 32))).embedded == 40


def test_unreadable_pictures_are_left_out_and_listed(gallery: Gallery, tmp_path: Path) -> None:
    """Below the limit the build goes on without them, says how many, and has them in a list with the reasons."""
    _spoil(gallery, 2, 30)
    (gallery.image_root / gallery.image_paths[7]).unlink()
    report = _build(gallery.settings(tmp_path / "root", max_unreadable_share=0.1))
    assert (report.skipped, report.embedded, report.manifest.skipped_images) == (3, 37, 3)
    assert [shard.images for shard in report.manifest.shards] == [14, 18, 5, 37]
    header, *rows = _skip_list(report.skip_list)
    assert header == ["row", "image_id", "image_path", "reason"]
    assert [row[:3] for row in rows] == [
        ["4", "Bag-2", "Bag/2.png"],
        ["9", "Bag-7", "Bag/7.png"],
        ["32", "Ankle boot-10", "Ankle boot/10.png"],
    ]
    assert rows[1][3] == "No such file or directory"


@pytest.mark.parametrize("share", [0.0, 0.04])
def test_too_many_unreadable_pictures_fail_the_build(gallery: Gallery, tmp_path: Path, share: float) -> None:
    """The error says how many, what was allowed, which was the first and where the list is; nothing is published."""
    _spoil(gallery, 5, 6)
    with pytest.raises(CatalogueInvalid, match=r"of 40 pictures can't be read.*catalogue\.csv, row [78]:") as caught:
        _build(gallery.settings(tmp_path / "root", max_unreadable_share=share))
    (skip_list,) = (tmp_path / "root").glob("building/*/skipped.csv")
    assert str(skip_list) in caught.value.message
    assert len(_skip_list(skip_list)) > 1
    assert not (tmp_path / "root" / "CURRENT").exists()


def test_a_wrong_image_root_is_found_before_anything_is_embedded(gallery: Gallery, tmp_path: Path) -> None:
    """When the files are simply not there, nobody waits for the embedder to hear it."""
    models = FakeModels()
    with pytest.raises(CatalogueInvalid, match="40 of 40 pictures can't be read"):
        _build(gallery.settings(tmp_path / "root", image_root=tmp_path), models)
    assert models.batches == []


def test_a_category_without_a_readable_picture_fails_the_build(gallery: Gallery, tmp_path: Path) -> None:
    """Even when the share is small enough: its shoppers would find nothing."""
    _spoil(gallery, 35, 36, 37, 38, 39)
    with pytest.raises(CatalogueInvalid, match="category 'Coat'"):
        _build(gallery.settings(tmp_path / "root", max_unreadable_share=0.5))


def test_a_failed_build_leaves_the_last_snapshot(gallery: Gallery, tmp_path: Path) -> None:
    """CURRENT still names the build before, with every file as it was."""
    good = _build(gallery.settings(tmp_path / "root"))
    with pytest.raises(Internal, match="a defect"):
        _build(
            gallery.settings(tmp_path / "root"),
            FakeModels(replace(MODEL, sha256="ef" * 32), failures=[Internal("a defect")]),
        )
    store = SnapshotStore(tmp_path / "root")
    assert store.manifest() == good.manifest
    for entry in own_files(good.manifest):
        store.fetch(good.manifest, entry)


def test_pixels_prepared_in_another_way_are_refused(gallery: Gallery, tmp_path: Path) -> None:
    """An embedder made for other pixels would give vectors that look right and are not."""
    with pytest.raises(SpaceMismatch, match="'centre-crop-9'"):
        _build(gallery.settings(tmp_path / "root"), FakeModels(replace(MODEL, preprocessing="centre-crop-9")))


def test_a_batch_is_never_larger_than_the_model_takes(gallery: Gallery, tmp_path: Path) -> None:
    """What the operator asks for gives way to what Triton accepts."""
    models = FakeModels(replace(MODEL, max_batch_size=3))
    _build(gallery.settings(tmp_path / "root", batch_size=64), models)
    assert max(models.batches) == 3


def test_a_remote_root_is_published_to(gallery: Gallery, tmp_path: Path) -> None:
    """Unfinished work stays on this machine; the snapshot is whole on the other side, and the draft is gone."""
    url = f"memory://{uuid.uuid4().hex}"
    report = _build(gallery.settings(url, work_root=tmp_path / "work"))
    store = SnapshotStore(url, cache_dir=tmp_path / "cache")
    assert store.manifest() == report.manifest
    for entry in own_files(report.manifest):
        store.fetch(report.manifest, entry)
    (journal,) = (tmp_path / "work").glob("*/vectors.journal")
    assert sorted(path.name for path in journal.parent.iterdir()) == ["skipped.csv", "vectors.journal"]


@pytest.mark.parametrize("remote", [False, True], ids=["local", "remote"])
def test_a_change_published_during_a_build_is_not_lost(tmp_path: Path, *, remote: bool) -> None:
    """The build is refused and names both; given again, it replaces what is current then, without embedding again."""
    shop = Shop.make(tmp_path, {"Bag": 6}, f"memory://{uuid.uuid4().hex}" if remote else "")
    first = shop.build(range(4)).manifest
    with pytest.raises(FailedPrecondition, match=f"snapshot {first.snapshot_id} was current when this began, but"):
        shop.build(range(6), models=FakeModels(meanwhile=lambda: shop.delete(["Bag-0"])))
    changed = shop.store.manifest()
    assert changed.parent == first.snapshot_id
    report = shop.build(range(6))
    assert (report.embedded, shop.store.manifest()) == (0, report.manifest)
    assert report.manifest.snapshot_id > changed.snapshot_id


def test_of_two_first_builds_one_wins(tmp_path: Path) -> None:
    """Nothing was current when the other began, and something is when it ends."""
    shop = Shop.make(tmp_path, {"Bag": 6})
    with pytest.raises(FailedPrecondition, match="no snapshot was current when this began"):
        shop.build(range(6), models=FakeModels(meanwhile=lambda: shop.build(range(2))))
    assert shop.store.manifest().shards[0].images == 2


def test_who_means_it_replaces_what_came_meanwhile(tmp_path: Path) -> None:
    """Its id still sorts behind the one that it replaces, although it was begun before."""
    shop = Shop.make(tmp_path, {"Bag": 6})
    shop.build(range(4))
    report = shop.build(range(6), models=FakeModels(meanwhile=lambda: shop.delete(["Bag-0"])), replace=True)
    replaced = sorted(path.name for path in (tmp_path / "root" / "snapshots").iterdir())[-2]
    assert shop.store.manifest() == report.manifest
    assert (report.manifest.parent, report.manifest.snapshot_id > replaced) == ("", True)


def test_a_damaged_current_is_replaced_only_on_demand(tmp_path: Path) -> None:
    """Nobody knows what would be replaced; the message says how to."""
    shop = Shop.make(tmp_path, {"Bag": 4})
    shop.build(range(4))
    (tmp_path / "root" / "CURRENT").write_text("")
    with pytest.raises(SnapshotInvalid, match="aisle index --replace"):
        shop.build(range(4))
    assert shop.build(range(4), replace=True).manifest == shop.store.manifest()


def test_what_is_remarked_on_about_indexes_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a build and of an addition, beside what held-out photos did; the rules are in the manifest."""
    for module in (pipeline, adding):
        monkeypatch.setattr(module, "index_remarks", lambda manifest: [f"about {manifest.index_rules.factory}"])
    shop = Shop.make(tmp_path, {"Bag": 6})
    report = shop.build(range(4), index_factory="HNSW8", index_recall=0.5, index_memory_mb=1.0)
    assert report.manifest.index_rules == IndexRules("HNSW8", 0.5, 2**20)
    assert [*report.remarks, *shop.add([4, 5]).remarks] == ["about HNSW8", "about HNSW8"]
