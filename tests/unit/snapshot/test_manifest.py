"""The manifest refuses what contradicts itself."""

from typing import Any

import pytest

from services.common.errors import SnapshotInvalid
from services.snapshot.manifest import (
    BASELINE_SLUG,
    EmbedderEntry,
    IndexEntry,
    Manifest,
    ShardEntry,
)
from services.snapshot.slugs import slug as slug_of
from tests.support.shards import segment_of

SHOES = {"slug": "shoes", "category": "Shoes"}
BASELINE: dict[str, Any] = {"slug": BASELINE_SLUG, "category": "", "baseline": True}


def _shard(says: dict[str, Any]) -> ShardEntry:
    return ShardEntry(
        **says,
        images=3,
        products=2,
        segments=(segment_of(3),),
    )


def _manifest(*shards: dict[str, Any]) -> Manifest:
    return Manifest(
        snapshot_id="20260131T120000Z-0123456789ab",
        created_at="2026-01-31T12:00:00+00:00",
        space_id="0123456789abcdef",
        dimension=4,
        metric="inner_product",
        embedder=EmbedderEntry(name="embedder", version="1", sha256="ab" * 32, preprocessing="resize-square-1"),
        dataset="shop",
        image_root="",
        skipped_images=0,
        shards=tuple(_shard(says) for says in shards),
    )


def test_the_baseline_is_told_from_the_categories() -> None:
    """And a manifest reads back as it was written."""
    manifest = _manifest(SHOES, BASELINE)
    assert manifest.baseline_shard == manifest.shard(BASELINE_SLUG)
    assert [shard.category for shard in manifest.category_shards] == ["Shoes"]
    assert Manifest.from_json(manifest.to_json(), "here") == manifest


@pytest.mark.parametrize(
    "change",
    [{"baseline": False}, {"slug": "everything"}, {"category": "Everything"}],
    ids=["flag", "slug", "category"],
)
def test_flag_slug_and_category_agree_on_the_baseline(change: dict[str, Any]) -> None:
    """Each of the three alone would make a baseline for one reader and a category for another."""
    with pytest.raises(ValueError, match="baseline = true, the slug '_all' and an empty category"):
        _shard({**BASELINE, **change})


@pytest.mark.parametrize(
    "change", [{"baseline": True}, {"slug": BASELINE_SLUG}, {"category": ""}], ids=["flag", "slug", "category"]
)
def test_no_category_s_shard_has_a_mark_of_the_baseline(change: dict[str, Any]) -> None:
    """The other way round."""
    with pytest.raises(ValueError, match="baseline = true, the slug '_all' and an empty category"):
        _shard({**SHOES, **change})


@pytest.mark.parametrize(
    ("shards", "words"),
    [
        ((SHOES, {**SHOES, "category": "Boots"}), "the same slug"),
        ((SHOES, {**SHOES, "slug": "boots"}), "the same category"),
        ((SHOES, BASELINE, BASELINE), "the same slug"),
        ((BASELINE,), "no shard holds a category"),
    ],
)
def test_shards_are_one_per_category_and_one_baseline_at_most(shards: tuple[dict[str, Any], ...], words: str) -> None:
    """Two of a kind would share hits, or hide each other."""
    with pytest.raises(ValueError, match=words):
        _manifest(*shards)


@pytest.mark.parametrize("slug", ["", "../../outside", "a/b", "-a", "a-", "Shoes", "a b", "schuhe\n", "a" * 51, "_"])
def test_a_slug_is_a_folder_s_name_and_a_dns_label(slug: str) -> None:
    """Whoever writes a change of the snapshot makes a folder of that name."""
    with pytest.raises(ValueError, match="can be neither a folder"):
        _shard({**SHOES, "slug": slug})


@pytest.mark.parametrize("category", ["Shoes", "T-Shirts & Tops", "鞋", "x" * 90, "Été", "7"])
def test_the_slugs_of_categories_are_such_names(category: str) -> None:
    """Those that the indexer gives."""
    assert _shard({"slug": slug_of(category), "category": category}).category == category


@pytest.mark.parametrize("value", [0, -1])
def test_an_index_is_searched_a_little_at_least(value: int) -> None:
    """With less, it finds nothing or ends the search by an error."""
    with pytest.raises(ValueError, match="efSearch"):
        IndexEntry.model_validate({**segment_of(3).index.model_dump(), "parameters": {"efSearch": value}})


def test_a_contradiction_is_refused_by_the_manifest_s_name() -> None:
    """A reader is told which file it is."""
    text = _manifest(SHOES, BASELINE).to_json().replace('"baseline": true', '"baseline": false')
    with pytest.raises(SnapshotInvalid, match=r"^here: shards\.1: .*'_all'"):
        Manifest.from_json(text, "here")
