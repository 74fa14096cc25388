"""A shop whose snapshot changes: generated pictures, any of which can be indexed, added and withdrawn."""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.indexer.adding import add_to_snapshot
from services.indexer.changing import ChangeReport
from services.indexer.compacting import compact
from services.indexer.compaction import EVERYTHING, CompactionRules
from services.indexer.pictures import Picture, read_pixels
from services.indexer.pipeline import BuildReport, build_snapshot
from services.indexer.withdrawing import Withdrawal, withdraw
from services.searcher.loading import load_shard
from services.snapshot.index_rules import IndexRules
from services.snapshot.manifest import Manifest
from services.snapshot.store import SnapshotStore
from tests.support.galleries import SIDE, FakeModels, Gallery, RecordedProgress, make_gallery, project

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)

Answers = Mapping[str, list[list[tuple[str, str, str, float]]]]
"""By slug and query: product, image, category and similarity of every hit, best first."""


@dataclass(frozen=True, slots=True)
class Shop:
    """Pictures, their catalogue's lines, and a root to publish to.

    Attributes:
        folder: for catalogues that are made of some of the lines.
        gallery: the pictures.
        header: the catalogue's.
        lines: the catalogue's, one per picture.
        root: where snapshots are published: folder or URL.
    """

    folder: Path
    gallery: Gallery
    header: list[str]
    lines: list[list[str]]
    root: str

    @classmethod
    def make(cls, folder: Path, images_of_category: Mapping[str, int], root: str = "") -> "Shop":
        """Draw pictures, two per product; nothing is indexed yet."""
        gallery = make_gallery(folder, images_of_category)
        with gallery.catalogue.open(encoding="utf-8", newline="") as stream:
            header, *lines = csv.reader(stream)
        return cls(folder, gallery, header, lines, root or str(folder / "root"))

    @property
    def store(self) -> SnapshotStore:
        """Reads the root."""
        return SnapshotStore(self.root, cache_dir=self.folder / "cache")

    def catalogue(self, rows: Iterable[int], name: str = "some.csv", **values: str) -> Path:
        """Write a catalogue of some pictures, with other values in some columns; an empty one drops its column."""
        columns = [column for column in self.header if values.get(column, "x")]
        columns += [column for column in values if column not in self.header]
        path = self.folder / name
        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, columns, extrasaction="ignore")
            writer.writeheader()
            for row in rows:
                writer.writerow({**dict(zip(self.header, self.lines[row], strict=True)), **values})
        return path

    def build(
        self, rows: Iterable[int], root: str = "", *, models: FakeModels | None = None, **settings: object
    ) -> BuildReport:
        """Index some pictures as a whole catalogue."""
        chosen = self.gallery.settings(root or self.root, catalogue=self.catalogue(rows), **self._work, **settings)
        return build_snapshot(chosen, RecordedProgress(), connect=models or FakeModels(), now=lambda: NOON)

    def add(
        self,
        rows: Iterable[int] = (),
        *,
        catalogue: Path | None = None,
        name: str = "some.csv",
        models: FakeModels | None = None,
        **settings: object,
    ) -> BuildReport:
        """Add some pictures, or a catalogue."""
        chosen = self.gallery.settings(
            self.root, **{"catalogue": catalogue or self.catalogue(rows, name), "add": True, **self._work, **settings}
        )
        return add_to_snapshot(chosen, RecordedProgress(), connect=models or FakeModels(), now=lambda: NOON)

    def delete(
        self, images: Iterable[str] = (), products: Iterable[str] = (), *, ignore_unknown: bool = False
    ) -> ChangeReport:
        """Withdraw images and products."""
        return withdraw(
            self.root,
            Withdrawal(set(images), set(products)),
            ignore_unknown=ignore_unknown,
            work_root=self.folder / "work",
            now=lambda: NOON,
        )

    def compact(self, rules: CompactionRules = EVERYTHING, *, index_rules: IndexRules | None = None) -> ChangeReport:
        """Fold shards."""
        return compact(
            self.root,
            rules,
            RecordedProgress(),
            work_root=self.folder / "work",
            index_rules=index_rules,
            now=lambda: NOON,
        )

    def image_ids(self, rows: Iterable[int]) -> list[str]:
        """Return the image ids of some pictures."""
        return [self.lines[row][0] for row in rows]

    def answers(self, root: str = "") -> Answers:
        """Return all that the current snapshot finds for every picture, as a searcher that has verified it would."""
        store = SnapshotStore(root or self.root, cache_dir=self.folder / "cache")
        manifest = store.manifest()
        return {
            shard.slug: [
                list(zip(hits.product_ids, hits.image_ids, hits.categories, hits.similarities, strict=True))
                for hits in load_shard(store, manifest, shard).search(self.vectors(), shard.products)
            ]
            for shard in manifest.shards
        }

    def vectors(self) -> NDArray[np.float32]:
        """Return the vector of every picture."""
        paths = [self.gallery.image_root / path for path in self.gallery.image_paths]
        pixels = [read_pixels(Picture(0, path, 0, 0), SIDE, SIDE) for path in paths]
        return project(np.array(pixels, dtype=np.uint8))

    @property
    def _work(self) -> dict[str, object]:
        return {"work_root": self.folder / "work"}


def assert_same_answers(some: Answers, others: Answers) -> None:
    """Check that two snapshots find the same, but for the last digits of similarities."""
    assert some.keys() == others.keys()
    for slug, queries in some.items():
        for found, expected in zip(queries, others[slug], strict=True):
            assert [hit[:3] for hit in found] == [hit[:3] for hit in expected], slug
            np.testing.assert_allclose([hit[3] for hit in found], [hit[3] for hit in expected], atol=1e-5)


def counts(manifest: Manifest) -> dict[str, tuple[int, int, int]]:
    """Return images, products and segments of every shard, by slug."""
    return {shard.slug: (shard.images, shard.products, len(shard.segments)) for shard in manifest.shards}
