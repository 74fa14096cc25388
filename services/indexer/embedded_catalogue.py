"""The vectors of a catalogue's pictures: embedded once, kept in a journal, and taken up again after a crash."""

import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.indexer.catalogue import Catalogue
from services.indexer.config import IndexerSettings
from services.indexer.journal import Journal
from services.indexer.pictures import Picture, Skipped
from services.indexer.progress import Progress
from services.indexer.skips import SkipList
from services.indexer.triton import Triton
from services.models.metadata import ModelInfo
from services.snapshot.durable import naming
from services.snapshot.root import SnapshotRoot

_JOURNAL: Final = "vectors.journal"


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddedCatalogue:
    """A catalogue whose readable pictures have their vectors.

    Attributes:
        journal: the vectors, by rows of the catalogue.
        skips: the pictures that can't be read.
        embedded: pictures embedded in this run; the others were finished by an earlier one.
        work: the folder of this very work; nobody else uses it meanwhile.
    """

    journal: Journal
    skips: SkipList
    embedded: int
    work: Path

    def forget(self) -> None:
        """Remove the vectors from the disk, when hardly anybody will ask for them again; the list of skips stays."""
        if len(self.skips):
            (self.work / _JOURNAL).unlink()
        else:
            shutil.rmtree(self.work)


@contextmanager
def embedded_catalogue(
    catalogue: Catalogue,
    surveyed: tuple[Sequence[Picture], Sequence[Skipped]],
    settings: IndexerSettings,
    triton: Triton,
    embedder: ModelInfo,
    *,
    progress: Progress,
) -> Iterator[EmbeddedCatalogue]:
    """Embed a catalogue's pictures; what the block does with the vectors, it does as their only user.

    Args:
        catalogue: what to embed.
        surveyed: its pictures, and those that are not there.
        settings: where unfinished work is kept, and how much may be unreadable.
        triton: asked for the vectors.
        embedder: what it serves.
        progress: shown to whoever waits.

    Raises:
        CatalogueInvalid: too many pictures can't be read.
        FailedPrecondition: another indexer is at work on the same catalogue.
        Unavailable, ResourceExhausted, DeadlineExceeded: Triton was away, full or late for too long.
    """
    pictures, missing = surveyed
    work = _work_folder(settings, catalogue, embedder)
    skips = SkipList(work / "skipped.csv", catalogue, settings.max_unreadable_share)
    # The journal's lock is held to the end: two builds must not share a draft.
    journal = Journal(work / _JOURNAL, rows=len(catalogue), dimension=embedder.output_size)
    with naming(work), closing(journal):
        waiting = [picture for picture in pictures if not journal.holds(picture)]
        progress.begin("embedding pictures", total=len(pictures), done=len(pictures) - len(waiting))
        try:
            skips.add(missing)
            triton.embed(waiting, embedder, _Keeper(journal, skips, progress).keep)
        finally:
            skips.write()
        yield EmbeddedCatalogue(journal, skips, len(waiting) + len(missing) - len(skips), work)


@dataclass(frozen=True, slots=True)
class _Keeper:
    """Where finished batches go."""

    journal: Journal
    skips: SkipList
    progress: Progress

    def keep(
        self, pictures: Sequence[Picture], vectors: NDArray[np.float32] | None, skipped: Sequence[Skipped]
    ) -> None:
        if vectors is not None:
            self.journal.append(pictures, vectors)
        self.progress.advance(len(pictures) + len(skipped))
        self.skips.add(skipped)


def _work_folder(settings: IndexerSettings, catalogue: Catalogue, model: ModelInfo) -> Path:
    """Return the folder of this very work, made if needed: other input has another one."""
    made_from = (catalogue.sha256, str(settings.image_root.resolve()), model.space.space_id)
    key = hashlib.sha256(json.dumps(made_from).encode()).hexdigest()[:16]
    root = SnapshotRoot.at(settings.snapshot_root).folder
    work = (settings.work_root if root is None else root / "building") / key
    work.mkdir(parents=True, exist_ok=True)
    return work
