"""A segment's files that are intact but do not belong together are refused, by the name of the one at fault."""

import operator
import resource
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pyarrow as pa
import pytest
from structlog.testing import capture_logs

from services.common.errors import AisleError, SnapshotInvalid, SpaceMismatch, Unavailable
from services.neighbours.vector_index import VectorIndex
from services.searcher import segments
from services.searcher.loading import load_shard
from services.snapshot.digests import file_entry
from services.snapshot.withdrawn import write_withdrawn
from tests.support.snapshots import PublishedSnapshot, unit_vectors
from tests.support.spoiling import UnverifiedFiles, columns_changed

IMAGES = 12


def other_index(dimension: int = 8, rows: int = IMAGES, metric: int = faiss.METRIC_INNER_PRODUCT) -> bytes:
    """Return the file of an index over other vectors."""
    index = faiss.index_factory(dimension, "Flat", metric)
    index.add(unit_vectors(rows, dimension, seed=99))
    return faiss.serialize_index(index).tobytes()


def bytes_replaced(name: str, content: bytes) -> Callable[[Path], None]:
    """Return what replaces a file of the shard."""

    def rewrite(folder: Path) -> None:
        (folder / name).write_bytes(content)

    return rewrite


def wrong_products(table: pa.Table) -> pa.Table:
    """Return the items with one product more."""
    products = ["new", *table["product_id"].to_pylist()[1:]]
    products[1] = "newer"
    return table.set_column(table.schema.get_field_index("product_id"), "product_id", pa.array(products))


def with_null(table: pa.Table) -> pa.Table:
    """Return the items with a product id missing."""
    products = [None, *table["product_id"].to_pylist()[1:]]
    return table.set_column(table.schema.get_field_index("product_id"), "product_id", pa.array(products))


def column(name: str, values: pa.Array) -> Callable[[pa.Table], pa.Table]:
    """Return what gives a table other values in a column."""
    return lambda table: table.set_column(table.schema.get_field_index(name), name, values)


def column_as(name: str, kind: pa.DataType) -> Callable[[pa.Table], pa.Table]:
    """Return what gives a table the same values of another type."""
    return lambda table: column(name, table[name].cast(kind))(table)


def no_text(name: str) -> Callable[[pa.Table], pa.Table]:
    """Return what gives a table strings that are not UTF-8."""
    values = pa.array([b"\xff\xfe"] * IMAGES)
    return column(name, pa.StringArray.from_buffers(IMAGES, values.buffers()[1], values.buffers()[2]))


def another_vector(row: int, change: Callable[[Any], Any]) -> Callable[[Path], None]:
    """Return what changes one vector of the shard's index."""

    def rewrite(folder: Path) -> None:
        path = folder / "index.faiss"
        index = faiss.read_index(str(path))
        vectors = index.reconstruct_n(0, index.ntotal)
        vectors[row] = change(vectors[row])
        changed = faiss.IndexFlatIP(vectors.shape[1])
        changed.add(vectors)
        faiss.write_index(changed, str(path))

    return rewrite


def numbered_index(folder: Path) -> None:
    """Have the index give its vectors numbers of its own."""
    path = folder / "index.faiss"
    index = faiss.read_index(str(path))
    numbered = faiss.IndexIDMap(faiss.IndexFlatIP(index.d))
    numbered.add_with_ids(index.reconstruct_n(0, index.ntotal), np.arange(index.ntotal) + 1_000)
    faiss.write_index(numbered, str(path))


TWICE = pa.array(["shoes-image-0", "shoes-image-1", *(f"shoes-image-{max(2, row - 1)}" for row in range(2, IMAGES))])
"""Image ids of which one is there twice: shoes-image-2."""
ONE_HAT = pa.array(["Hats", *["Shoes"] * (IMAGES - 1)])
NUMBERS = pa.array(range(IMAGES))


@pytest.mark.parametrize(
    ("tamper", "error", "named"),
    [
        (bytes_replaced("index.faiss", b"no index"), SnapshotInvalid, "shoes/index.faiss: FAISS"),
        (bytes_replaced("index.faiss", b""), SnapshotInvalid, "shoes/index.faiss: FAISS"),
        (bytes_replaced("index.faiss", other_index(dimension=4)), SpaceMismatch, "shoes/index.faiss"),
        (bytes_replaced("index.faiss", other_index(metric=faiss.METRIC_L2)), SpaceMismatch, "shoes/index.faiss"),
        (bytes_replaced("index.faiss", other_index(rows=IMAGES + 1)), SnapshotInvalid, "shoes/index.faiss: 13 vectors"),
        (bytes_replaced("index.faiss", other_index()), SnapshotInvalid, "shoes/index.faiss: golden query"),
        (bytes_replaced("items.arrow", b"no table"), SnapshotInvalid, "shoes/items.arrow"),
        (columns_changed("items.arrow", lambda t: t.slice(1)), SnapshotInvalid, "shoes/items.arrow"),
        (columns_changed("items.arrow", lambda t: t.drop_columns("image_path")), SnapshotInvalid, "image_path"),
        (columns_changed("items.arrow", wrong_products), SnapshotInvalid, "shoes/items.arrow"),
        (columns_changed("items.arrow", with_null), SnapshotInvalid, "shoes/items.arrow"),
        (columns_changed("items.arrow", lambda t: t.take(np.roll(np.arange(IMAGES), 2))), SnapshotInvalid, "golden"),
        (bytes_replaced("golden.arrow", b"no table"), SnapshotInvalid, "shoes/golden.arrow"),
        (columns_changed("golden.arrow", lambda t: t.drop_columns("similarity")), SnapshotInvalid, "similarity"),
        (numbered_index, SnapshotInvalid, "shoes/index.faiss: can't be used"),
        (
            another_vector(3, lambda vector: vector * np.nan),
            SnapshotInvalid,
            "shoes/index.faiss: vector 3 .* length nan",
        ),
        (another_vector(3, lambda vector: vector * 3), SnapshotInvalid, "shoes/index.faiss: vector 3 is of length 3,"),
        (another_vector(3, lambda vector: vector * 0), SnapshotInvalid, "shoes/index.faiss: vector 3 is of length 0,"),
        (columns_changed("items.arrow", column("product_id", NUMBERS)), SnapshotInvalid, "'product_id' holds int64"),
        (columns_changed("items.arrow", column_as("image_path", pa.binary())), SnapshotInvalid, "holds binary"),
        (columns_changed("items.arrow", no_text("image_path")), SnapshotInvalid, "shoes/items.arrow: .*UTF8"),
        (columns_changed("items.arrow", column("category", ONE_HAT)), SnapshotInvalid, "row 0 is of category 'Hats'"),
        (
            columns_changed("items.arrow", lambda t: t.append_column("tags", pa.array([[1]] * IMAGES))),
            SnapshotInvalid,
            "'tags' holds list",
        ),
        (
            columns_changed("items.arrow", lambda t: t.append_column("image_id", t["image_id"])),
            SnapshotInvalid,
            "'image_id' is there twice",
        ),
        (
            columns_changed("golden.arrow", lambda t: column("similarity", pa.array(["much"] * len(t)))(t)),
            SnapshotInvalid,
            "golden.arrow: can't be used",
        ),
        (
            columns_changed("golden.arrow", lambda t: column("query_vector", t["similarity"])(t)),
            SnapshotInvalid,
            "golden.arrow: can't be used",
        ),
        (
            columns_changed("golden.arrow", lambda t: column("similarity", pa.array([np.nan] * len(t)))(t)),
            SnapshotInvalid,
            "golden query 0 .* similarity nan",
        ),
    ],
)
def test_files_that_do_not_belong_together_are_refused_by_name(
    snapshot: PublishedSnapshot, tamper: Callable[[Path], None], error: type[AisleError], named: str
) -> None:
    """Digests can be right and the files wrong all the same; nothing of it is served."""
    tamper(snapshot.folder / "shoes")
    entry = snapshot.manifest.shard("shoes")
    assert entry is not None

    with pytest.raises(error, match=named):
        load_shard(UnverifiedFiles(snapshot.folder), snapshot.manifest, entry)


@pytest.mark.parametrize("parameters", [{"nprobe": 4}, {"efSearch": 10**10}, {"depth": 1}])
def test_search_parameters_of_another_index_are_refused(
    snapshot: PublishedSnapshot, parameters: dict[str, int]
) -> None:
    """FAISS says it by an assertion without words."""
    entry = snapshot.manifest.shards[1]
    (segment,) = entry.segments
    index = segment.index.model_copy(update={"parameters": parameters})
    changed = entry.model_copy(update={"segments": (segment.model_copy(update={"index": index}),)})

    with pytest.raises(SnapshotInvalid, match=r"shoes/index\.faiss: an index of this kind can't be searched with {"):
        load_shard(UnverifiedFiles(snapshot.folder), snapshot.manifest, changed)


def test_an_image_is_found_once(snapshot: PublishedSnapshot) -> None:
    """A second one of the same id is refused, unless it is withdrawn: then it was added again."""
    columns_changed("items.arrow", column("image_id", TWICE))(snapshot.folder / "shoes")
    columns_changed("golden.arrow", lambda t: t.slice(0, 0))(snapshot.folder / "shoes")
    files, entry = UnverifiedFiles(snapshot.folder), snapshot.manifest.shards[1]

    with pytest.raises(SnapshotInvalid, match=r"shoes/items\.arrow: image_id 'shoes-image-2' is there twice"):
        load_shard(files, snapshot.manifest, entry)

    write_withdrawn(bitmap := snapshot.folder / "shoes" / "withdrawn", np.arange(IMAGES) == 3)
    update = {"withdrawn": file_entry(snapshot.folder, bitmap), "withdrawn_images": 1}
    segment = entry.segments[0].model_copy(update=update)
    load_shard(files, snapshot.manifest, entry.model_copy(update={"segments": (segment,), "images": IMAGES - 1}))


@pytest.mark.parametrize("factory", ["SQ4", "SQ8", "IVF2,SQfp16", "PQ2x4"])
def test_vectors_that_codes_stand_for_need_not_be_of_unit_length(factory: str) -> None:
    """They are those of the indexer; what is much too long, or no number, tells that they are not."""
    vectors = unit_vectors(400, 16)
    index: Any = faiss.index_factory(16, factory, faiss.METRIC_INNER_PRODUCT)
    index.train(vectors)
    index.add(vectors)
    if isinstance(index, faiss.IndexIVF):
        index.make_direct_map()
    opened = VectorIndex(index, {}, first_fetch=10)

    found = opened.lengths()

    assert not opened.keeps_vectors
    assert np.allclose(found, np.linalg.norm(opened.vectors(np.arange(400)), axis=1), atol=1e-5)
    assert found.max() < 1.5


@pytest.mark.parametrize("opens", ["faiss.read_index", "read_table"])
def test_what_this_machine_is_short_of_is_no_fault_of_a_file(
    snapshot: PublishedSnapshot, monkeypatch: pytest.MonkeyPatch, opens: str
) -> None:
    """Whoever loads it tries again: the snapshot may be sound. There is no descriptor left, then no memory."""
    load = partial(load_shard, UnverifiedFiles(snapshot.folder), snapshot.manifest, snapshot.manifest.shards[1])
    opening = operator.attrgetter(opens)(segments)

    def without_descriptors(*arguments: Any) -> Any:
        usual = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, usual[1]))
        try:
            return opening(*arguments)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, usual)

    def without_memory(*_arguments: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(f"services.searcher.segments.{opens}", without_descriptors)
    with pytest.raises(Unavailable, match=r"^shoes/.*Too many open files"):
        load()
    monkeypatch.setattr(f"services.searcher.segments.{opens}", without_memory)
    with pytest.raises(Unavailable, match=r"^shoes/.*: this machine is short of memory"):
        load()


def test_what_a_library_says_of_a_file_is_logged(snapshot: PublishedSnapshot) -> None:
    """The message names the file; where it happened, the log tells."""
    numbered_index(snapshot.folder / "shoes")
    with capture_logs() as logged, pytest.raises(SnapshotInvalid) as refusal:
        load_shard(UnverifiedFiles(snapshot.folder), snapshot.manifest, snapshot.manifest.shards[1])
    assert [(line["event"], line["file"], line["exc_info"]) for line in logged] == [
        ("file_unusable", "shoes/index.faiss", refusal.value.__cause__)
    ]


def test_golden_vectors_of_another_dimension_are_refused(snapshot: PublishedSnapshot) -> None:
    """The golden file of another space is named."""
    vectors = pa.array(unit_vectors(2, 4).tolist(), type=pa.list_(pa.float32()))
    table = pa.table(
        {"query_vector": vectors, "image_id": ["a", "b"], "similarity": pa.array([1.0, 1.0], pa.float32())}
    )
    columns_changed("golden.arrow", lambda _: table)(snapshot.folder / "shoes")

    with pytest.raises(SnapshotInvalid, match=r"shoes/golden\.arrow.*dimension 8"):
        load_shard(UnverifiedFiles(snapshot.folder), snapshot.manifest, snapshot.manifest.shards[1])
