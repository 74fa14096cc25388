"""What is remarked on about indexes: too little recall, and another kind than the rules lead to."""

import pytest

from services.indexer.remarks import index_remarks
from services.snapshot.index_rules import IndexRules
from services.snapshot.manifest import Manifest
from tests.support.drafts import write_draft


@pytest.fixture
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """One shard, with an index of its own."""
    return write_draft(tmp_path_factory.mktemp("draft") / "draft")


def _with_index(manifest: Manifest, images: int, rules: IndexRules, **index: object) -> Manifest:
    (shard,) = manifest.shards
    segment = shard.segments[0].model_copy(
        update={"images": images, "index": shard.segments[0].index.model_copy(update=index)}
    )
    shards = (shard.model_copy(update={"images": images, "segments": (segment,)}),)
    return manifest.model_copy(update={"shards": shards, "dimension": 64, "index_rules": rules})


def test_what_is_as_it_should_be_is_not_remarked_on(manifest: Manifest) -> None:
    """The kind that size leads to, or that was asked for, with enough recall; and what an earlier snapshot brought."""
    assert index_remarks(manifest) == []
    assert index_remarks(_with_index(manifest, 9_000, IndexRules(), factory="PQ32x4fs,RFlat")) == []
    assert index_remarks(_with_index(manifest, 9_000, IndexRules("HNSW8"), factory="HNSW8")) == []
    file = manifest.files[0].written_by("earlier")
    assert index_remarks(_with_index(manifest, 9_000, IndexRules(), file=file, recall_at_10=0.1)) == []


def test_an_index_that_gave_way_is_named_with_what_it_gave_way_for(manifest: Manifest) -> None:
    """An exact scan of so many vectors takes time, and nobody asked for it."""
    assert index_remarks(_with_index(manifest, 9_000, IndexRules(), factory="Flat")) == [
        "shard shoes, 9,000 images: an index PQ32x4fs,RFlat did not find enough, so Flat was built"
    ]


def test_too_little_recall_is_told_in_per_cent(manifest: Manifest) -> None:
    """What is found beside what was wanted."""
    (remark,) = index_remarks(_with_index(manifest, 9_000, IndexRules("SQ4"), factory="SQ4", recall_at_10=0.8125))
    found, wanted = "its index SQ4 finds 81.2% of the ten best products", "less than the 99.0% that are wanted"
    assert remark == f"shard shoes, 9,000 images: {found}, {wanted}"
