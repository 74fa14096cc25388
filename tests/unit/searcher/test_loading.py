"""Loading refuses files that are intact but do not belong together, and names the file."""

import operator
import resource
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from structlog.testing import capture_logs

from services.common.errors import AisleError, SettingsInvalid, SnapshotInvalid, SpaceMismatch, Unavailable
from services.filters.predicate import Present, Range
from services.neighbours.vector_index import VectorIndex
from services.relevance.scoring import SimilarityMap
from services.searcher import segments
from services.searcher.loading import Known, check_space, chosen_shards, load_shard
from services.searcher.shard import Shard
from services.snapshot.digests import file_entry
from services.snapshot.manifest import BASELINE_SLUG, FileEntry, Manifest, Segment, ShardEntry
from services.snapshot.tables import read_items, write_items
from services.snapshot.withdrawn import write_withdrawn
from tests.support.snapshots import PublishedSnapshot, publish_snapshot, unit_vectors

IMAGES = 12


class UnverifiedFiles:
    """Gives files out as they lie there: what is tested here comes after the digests."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def fetch(self, _manifest: Manifest, entry: FileEntry) -> Path:
        return self._folder / entry.path


@pytest.fixture
def snapshot(tmp_path: Path) -> PublishedSnapshot:
    """A snapshot with two categories and the baseline."""
    return publish_snapshot(tmp_path, {"Shoes": IMAGES, "Bags": 5}, dimension=8, baseline=True)


def test_a_good_shard_loads_and_finds_its_own_images(snapshot: PublishedSnapshot) -> None:
    """Each gallery vector finds its own image first."""
    entry = snapshot.manifest.shard("shoes")
    assert entry is not None

    shard = load_shard(UnverifiedFiles(snapshot.folder), snapshot.manifest, entry)

    images = snapshot.images["shoes"]
    assert [hits.image_ids[0] for hits in shard.search(images.vectors, 1)] == images.image_ids
    assert shard.entry is entry


def test_without_golden_queries_it_loads(snapshot: PublishedSnapshot) -> None:
    """A shard whose pictures are all alike has no query with a clear answer: it is warmed with its own vectors."""
    path = snapshot.folder / "shoes" / "golden.parquet"
    pq.write_table(pq.read_table(path).slice(0, 0), path)
    known = Known()

    load_shard(UnverifiedFiles(snapshot.folder), snapshot.manifest, snapshot.manifest.shards[1], known)

    (segment,) = known.segments.values()
    assert np.array_equal(segment.queries, snapshot.images["shoes"].vectors[:8])


@dataclass
class Searches:
    """What was touched: of which index every vector was, and for how many queries shards were asked."""

    touched: list[VectorIndex]
    queries: list[int]


@pytest.fixture
def searches(monkeypatch: pytest.MonkeyPatch) -> Searches:
    """Note them from now on."""
    noted = Searches([], [])
    lengths, search = VectorIndex.lengths, Shard.search

    def noted_lengths(self: VectorIndex) -> Any:
        noted.touched.append(self)
        return lengths(self)

    def noted_search(self: Shard, query_vectors: Any, *arguments: Any, **named: Any) -> Any:
        noted.queries.append(len(query_vectors))
        return search(self, query_vectors, *arguments, **named)

    monkeypatch.setattr(VectorIndex, "lengths", noted_lengths)
    monkeypatch.setattr(Shard, "search", noted_search)
    return noted


def two_segments(entry: ShardEntry, segment: Segment) -> ShardEntry:
    """Return the baseline, which may hold any category, with one segment more, which shows other products."""
    products = entry.products + -(-segment.images // 2)
    images = entry.images + segment.images
    return entry.model_copy(update={"segments": (*entry.segments, segment), "images": images, "products": products})


def test_a_shard_that_did_not_change_is_taken_as_it_is(snapshot: PublishedSnapshot, searches: Searches) -> None:
    """Nothing is searched; the filters that it remembers are still there, and it tells what its own manifest says."""
    files, known, entry = UnverifiedFiles(snapshot.folder), Known(), snapshot.manifest.shards[1]
    first = load_shard(files, snapshot.manifest, entry, known)
    first.search(snapshot.images["shoes"].vectors[:1], 1, predicate=Present("image_id"))
    searches.queries.clear()
    searches.touched.clear()
    later = entry.model_copy(update={"similarity_map": SimilarityMap(slope=7.0, intercept=-3.0)})

    again = load_shard(files, snapshot.manifest, later, known)

    assert (again.entry, first.entry) == (later, entry)
    assert again.remembers(Present("image_id"))
    assert (searches.queries, searches.touched) == ([], [])


def test_only_what_is_new_is_warmed(snapshot: PublishedSnapshot, searches: Searches) -> None:
    """Each of its vectors is touched once, and the shard is searched once with what is new in it."""
    files, known, (bags, shoes, baseline) = UnverifiedFiles(snapshot.folder), Known(), snapshot.manifest.shards
    everything = baseline.model_copy(
        update={field: getattr(shoes, field) for field in ("images", "products", "segments")}
    )
    load_shard(files, snapshot.manifest, everything, known)
    (old,) = (segment.index for segment in known.segments.values())
    assert (searches.touched, len(searches.queries)) == ([old], 1)

    load_shard(files, snapshot.manifest, two_segments(everything, bags.segments[0]), known)

    assert len(searches.touched) == len(searches.queries) == 2
    assert searches.touched[1] is not old


def test_a_shard_of_which_other_images_were_withdrawn_is_another(
    snapshot: PublishedSnapshot, searches: Searches
) -> None:
    """As many of them, of as many products: the bitmap's digest tells. Its segments are not warmed again."""
    files, known, entry = UnverifiedFiles(snapshot.folder), Known(), snapshot.manifest.shards[1]
    found = []
    for row in (2, 4):
        path = snapshot.folder / "shoes" / f"withdrawn-{row}"
        write_withdrawn(path, np.arange(IMAGES) == row)
        segment = entry.segments[0].model_copy(
            update={"withdrawn": file_entry(snapshot.folder, path), "withdrawn_images": 1}
        )
        changed = entry.model_copy(update={"segments": (segment,), "images": IMAGES - 1})
        (hits,) = load_shard(files, snapshot.manifest, changed, known).search(snapshot.images["shoes"].vectors[2:3], 1)
        found.append(hits.image_ids[0])

    assert found[0] != found[1] == "shoes-image-2"
    assert len(searches.touched) == 1


def test_a_shard_that_is_said_to_be_another_is_looked_at_again(snapshot: PublishedSnapshot) -> None:
    """What a manifest says of it is compared with what is in it, known or not."""
    files, known, entry = UnverifiedFiles(snapshot.folder), Known(), snapshot.manifest.shards[1]
    load_shard(files, snapshot.manifest, entry, known)
    longer = entry.segments[0].model_copy(update={"images": IMAGES + 1})

    for change in ({"products": 5}, {"segments": (longer,)}):
        with pytest.raises(SnapshotInvalid, match="the manifest says"):
            load_shard(files, snapshot.manifest, entry.model_copy(update=change), known)


def other_index(dimension: int = 8, rows: int = IMAGES, metric: int = faiss.METRIC_INNER_PRODUCT) -> bytes:
    """Return the file of an index over other vectors."""
    index = faiss.index_factory(dimension, "Flat", metric)
    index.add(unit_vectors(rows, dimension, seed=99))
    return faiss.serialize_index(index).tobytes()


def columns_changed(name: str, change: Callable[[pa.Table], pa.Table]) -> Callable[[Path], None]:
    """Return what rewrites a table of the shard."""

    def rewrite(folder: Path) -> None:
        path = folder / name
        if path.suffix == ".arrow":
            changed = change(read_items(path))
            path.unlink()  # what is mapped must not be overwritten
            write_items(path, changed)
        else:
            pq.write_table(change(pq.read_table(path)), path)

    return rewrite


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
        (bytes_replaced("golden.parquet", b"no table"), SnapshotInvalid, "shoes/golden.parquet"),
        (columns_changed("golden.parquet", lambda t: t.drop_columns("similarity")), SnapshotInvalid, "similarity"),
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
            columns_changed("golden.parquet", lambda t: column("similarity", pa.array(["much"] * len(t)))(t)),
            SnapshotInvalid,
            "golden.parquet: can't be used",
        ),
        (
            columns_changed("golden.parquet", lambda t: column("query_vector", t["similarity"])(t)),
            SnapshotInvalid,
            "golden.parquet: can't be used",
        ),
        (
            columns_changed("golden.parquet", lambda t: column("similarity", pa.array([np.nan] * len(t)))(t)),
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
    path = snapshot.folder / "shoes" / "golden.parquet"
    pq.write_table(pq.read_table(path).slice(0, 0), path)
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


@pytest.mark.parametrize("opens", ["faiss.read_index", "read_items", "pq.ParquetFile"])
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
    pq.write_table(table, snapshot.folder / "shoes" / "golden.parquet")

    with pytest.raises(SnapshotInvalid, match=r"shoes/golden\.parquet.*dimension 8"):
        load_shard(UnverifiedFiles(snapshot.folder), snapshot.manifest, snapshot.manifest.shards[1])


def test_free_attributes_can_be_asked_for_once_a_shard_is_loaded(snapshot: PublishedSnapshot) -> None:
    """A mapped item table is filtered where it lies."""
    prices = pa.array([None, *range(1, IMAGES)], pa.int64())
    columns_changed("items.arrow", lambda table: table.append_column("price", prices))(snapshot.folder / "shoes")
    promising = snapshot.manifest.model_copy(update={"attributes": {"price": "integer"}})

    shard = load_shard(UnverifiedFiles(snapshot.folder), promising, snapshot.manifest.shards[1])

    assert shard.attributes == {"price": "integer"}
    (hits,) = shard.search(snapshot.images["shoes"].vectors[:1], 10, predicate=Range("price", at_most=2.5))
    assert sorted(hits.image_ids) == ["shoes-image-1", "shoes-image-2"]
    assert hits.exhausted


def test_attributes_that_the_manifest_promises_and_a_table_lacks_are_refused(snapshot: PublishedSnapshot) -> None:
    """A filter may ask about them."""
    promising = snapshot.manifest.model_copy(update={"attributes": {"colour": "string"}})

    with pytest.raises(SnapshotInvalid, match=r"shoes/items\.arrow: its attributes"):
        load_shard(UnverifiedFiles(snapshot.folder), promising, snapshot.manifest.shards[1])


def test_by_default_every_category_is_served_but_not_the_baseline(snapshot: PublishedSnapshot) -> None:
    """The baseline index is as big as all others together; it is served where it is named."""
    assert [entry.slug for entry in chosen_shards(snapshot.manifest, ())] == ["bags", "shoes"]
    assert [entry.slug for entry in chosen_shards(snapshot.manifest, (BASELINE_SLUG,))] == [BASELINE_SLUG]
    assert [entry.slug for entry in chosen_shards(snapshot.manifest, ("shoes", "bags", "shoes"))] == ["bags", "shoes"]


def test_a_shard_that_the_snapshot_lacks_holds_up_no_other(snapshot: PublishedSnapshot) -> None:
    """Its category has no image left, or it is misspelt: the log tells that it is missing, and which there are."""
    with capture_logs() as logged:
        assert [entry.slug for entry in chosen_shards(snapshot.manifest, ("shoes", "hats"))] == ["shoes"]
    assert [(line["event"], line["log_level"], line["missing"], line["there_are"]) for line in logged] == [
        ("shards_missing", "error", ["hats"], [BASELINE_SLUG, "bags", "shoes"])
    ]


def test_a_snapshot_with_none_of_the_shards_is_refused(snapshot: PublishedSnapshot) -> None:
    """There would be nothing to serve; the message tells which there are."""
    with pytest.raises(SettingsInvalid, match="no shard caps, hats; it has _all, bags, shoes") as refusal:
        chosen_shards(snapshot.manifest, ("hats", "caps"))
    assert refusal.value.field == "shards"


def test_the_space_id_must_be_the_digest_of_what_the_manifest_says(snapshot: PublishedSnapshot) -> None:
    """A manifest whose space id was made for other vectors is refused by name."""
    check_space(snapshot.manifest)
    with pytest.raises(SpaceMismatch, match=r"manifest\.json"):
        check_space(snapshot.manifest.model_copy(update={"dimension": 9}))
