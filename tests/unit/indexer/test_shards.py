"""A shard's files: index, items and golden queries belong together, byte for byte the same each time."""

from pathlib import Path

import faiss
import numpy as np
import pyarrow as pa
import pytest

from services.common.errors import Internal
from services.indexer import shards
from services.indexer.building import build_index
from services.indexer.partitioning import ShardPlan
from services.indexer.shards import write_shard
from services.searcher.segments import load_segment
from services.snapshot.index_rules import IndexRules
from services.snapshot.manifest import ShardEntry
from services.snapshot.tables import read_table
from tests.support.crashes import full_at
from tests.support.snapshots import unit_vectors

IMAGES = 60
VECTORS = unit_vectors(IMAGES, 16)
ITEMS = pa.table(
    {
        "image_id": [f"i{row}" for row in range(IMAGES)],
        "product_id": [f"p{row // 3}" for row in range(IMAGES)],
        "category": ["Bag"] * IMAGES,
        "image_path": [f"{row}.jpg" for row in range(IMAGES)],
        "price": [float(row) for row in range(IMAGES)],
    }
)
PLAN = ShardPlan("bag", "Bag", np.arange(IMAGES))


def _write(folder: Path, factory: str) -> ShardEntry:
    return write_shard(folder, PLAN, VECTORS, ITEMS, IndexRules(factory))


@pytest.fixture(params=["Flat", "PQ8x4fs,RFlat", "IVF2,PQ8x4fs,RFlat", "HNSW32"])
def factory(request: pytest.FixtureRequest) -> str:
    """Each kind of index that the indexer chooses, and a graph, on a shard that is small enough for a test."""
    return str(request.param)


def test_index_and_items_have_the_same_rows(tmp_path: Path, factory: str) -> None:
    """Searching with a vector finds its own row, whose item is that of the catalogue, with its attributes."""
    entry = _write(tmp_path, factory)
    index = faiss.read_index(str(tmp_path / entry.segments[0].index.file.path))
    similarities, rows = index.search(VECTORS, 1)
    np.testing.assert_array_equal(rows[:, 0], np.arange(IMAGES))
    np.testing.assert_allclose(similarities[:, 0], 1.0, atol=1e-5)
    assert index.metric_type == faiss.METRIC_INNER_PRODUCT
    assert read_table(tmp_path / entry.segments[0].items.path).equals(ITEMS)
    assert (entry.index_factory, entry.images, entry.products, entry.segments[0].images) == (factory, 60, 20, 60)
    assert (entry.slug, entry.category, entry.baseline) == ("bag", "Bag", False)


def test_golden_queries_are_answered_by_the_index(tmp_path: Path, factory: str) -> None:
    """What is written as known is what the index, read back, answers."""
    entry = _write(tmp_path, factory)
    assert entry.index_factory == factory
    golden = read_table(tmp_path / entry.segments[0].golden.path).to_pydict()
    index = faiss.read_index(str(tmp_path / entry.segments[0].index.file.path))
    similarities, rows = index.search(np.array(golden["query_vector"], dtype=np.float32), 1)
    assert len(golden["image_id"]) == 8
    assert golden["image_id"] == [f"i{row}" for row in rows[:, 0]]
    np.testing.assert_allclose(golden["similarity"], similarities[:, 0], atol=1e-6)


@pytest.mark.parametrize("codes", ["SQ8", "PQ8x4", "PQ8x4fs", "IVF2,SQ8"])
def test_golden_queries_say_what_codes_tell_that_nothing_refines(tmp_path: Path, codes: str) -> None:
    """They differ from the vectors' similarities by more than a searcher lets pass: it would refuse the snapshot."""
    entry = _write(tmp_path, codes)
    (segment,) = entry.segments
    paths = [tmp_path / file.path for file in (segment.index.file, segment.items, segment.golden)]
    assert load_segment(segment, VECTORS.shape[1], *paths).index.rows == IMAGES


def test_the_same_input_gives_the_same_bytes(tmp_path: Path, factory: str) -> None:
    """Every file has the same digest in two builds."""
    first = _write(tmp_path / "first", factory)
    assert first.index_factory == factory
    assert first == _write(tmp_path / "second", factory)


def test_an_index_whose_last_bytes_do_not_fit_on_the_disk_is_refused(tmp_path: Path) -> None:
    """FAISS's own way to a file says nothing then, and the digest would be that of half an index."""
    vectors = unit_vectors(IMAGES, 64)
    size_bytes = write_shard(tmp_path / "whole", PLAN, vectors, ITEMS).segments[0].index.file.size_bytes
    assert full_at(size_bytes, lambda: write_shard(tmp_path / "enough", PLAN, vectors, ITEMS))
    assert not full_at(size_bytes - 1, lambda: write_shard(tmp_path / "short", PLAN, vectors, ITEMS))


def test_an_index_that_finds_nothing_of_its_own_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Vectors in another order than their items would answer everything wrong: the build stops instead."""
    monkeypatch.setattr(shards, "build_index", lambda vectors, *rest: build_index(vectors[::-1].copy(), *rest))
    with pytest.raises(Internal, match="shard bag"):
        _write(tmp_path, "Flat")
    assert not (tmp_path / "bag" / "index.faiss").exists()
