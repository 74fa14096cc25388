"""Loading puts a shard together, takes over what is known, and chooses what is to be served."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from structlog.testing import capture_logs

from services.common.errors import SettingsInvalid, SnapshotInvalid, SpaceMismatch
from services.filters.predicate import Present, Range
from services.neighbours.vector_index import VectorIndex
from services.relevance.scoring import SimilarityMap
from services.searcher.loading import Known, check_space, chosen_shards, load_shard
from services.searcher.shard import Shard
from services.snapshot.digests import file_entry
from services.snapshot.manifest import BASELINE_SLUG, Segment, ShardEntry
from services.snapshot.withdrawn import write_withdrawn
from tests.support.snapshots import PublishedSnapshot
from tests.support.spoiling import UnverifiedFiles, columns_changed

IMAGES = 12


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
    columns_changed("golden.arrow", lambda t: t.slice(0, 0))(snapshot.folder / "shoes")
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
