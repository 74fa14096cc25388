"""What the command says when the indexer has ended."""

from dataclasses import replace
from pathlib import Path

import pytest
import typer

from services.cli.commands.index import _job, _with_photos
from services.cli.exit_codes import ExitCode, exit_code
from services.cli.indexing import IndexJob, Publication, command, failure, given, publication
from services.common.errors import Internal
from services.photo.labelled import LabelledPhoto
from tests.support.shoppers import make_shop

JOB = IndexJob(Path("catalogue.csv"), Path("pictures"), "snapshots", "shop", Path("val.csv"))


def _words(job: IndexJob) -> str:
    return " ".join(command(job, "127.0.0.1:8001"))


def test_photos_are_passed_on_to_the_indexer() -> None:
    """With their root where it is another one than the pictures'."""
    assert "--photos val.csv" in _words(JOB)
    assert "--photos-root" not in _words(JOB)
    assert "--photos val.csv --photos-root phones" in _words(replace(JOB, photos_root=Path("phones")))
    assert "--photos" not in _words(replace(JOB, photos=None))


def test_the_dataset_s_val_table_is_held_out_unless_told_otherwise() -> None:
    """`--photos` overrides it, `--no-photos` leaves it out."""
    assert _with_photos(JOB, None, None, no_photos=False) == JOB
    assert _with_photos(JOB, None, None, no_photos=True).photos is None
    other = _with_photos(JOB, Path("more.csv"), Path("phones"), no_photos=False)
    assert (other.photos, other.photos_root) == (Path("more.csv"), Path("phones"))


@pytest.mark.parametrize(("photos", "root", "without"), [(Path("a"), None, True), (None, Path("b"), False)])
def test_photos_that_contradict_each_other_are_refused(
    photos: Path | None, root: Path | None, *, without: bool
) -> None:
    """A wrong command line, and not something to guess about."""
    with pytest.raises(typer.BadParameter):
        _with_photos(JOB, photos, root, no_photos=without)


def test_a_dataset_folder_s_val_table_is_found(tmp_path: Path) -> None:
    """One without has none, and that is fine."""
    folder = make_shop(tmp_path, [LabelledPhoto("photos/0.jpg", "Shoe", "shoe-1")])
    assert _job(folder, None, None, "snapshots").photos is None
    manifest = (folder / "dataset.json").read_text().replace('"queries"', '"val"')
    (folder / "dataset.json").write_text(manifest)
    assert _job(folder, None, None, "snapshots").photos == folder / "queries.csv"


def test_options_that_are_not_given_are_not_passed_on() -> None:
    """The indexer has its own defaults, and its variables."""
    assert given(index_factory="", index_recall=0.9, work_root=None) == ("--index-factory", "", "--index-recall", "0.9")


def test_the_indexer_s_last_line_says_what_was_published() -> None:
    """And nothing else is taken for it."""
    told = publication(b'words\n{"snapshot_id": "a", "published_at": 1.5}\n')
    assert told == Publication("a", 1.5)
    assert publication(b'{"snapshot_id": "a", "published_at": null}').published_at is None
    for said in (b"", b"words\n", b"[]", b'{"snapshot_id": "a"}'):
        with pytest.raises(Internal, match="last line"):
            publication(said)


@pytest.mark.parametrize(
    ("status", "expected", "goes_on"),
    [
        (1, ExitCode.FAILED, False),
        (2, ExitCode.UNUSABLE_INPUT, False),
        (3, ExitCode.UNAVAILABLE, True),
        (7, ExitCode.OVERTAKEN, False),
        (130, ExitCode.FAILED, True),
        (-9, ExitCode.FAILED, True),
    ],
)
def test_a_failed_build_is_repeated_only_where_that_helps(status: int, expected: ExitCode, *, goes_on: bool) -> None:
    """A catalogue fault stays one; what was interrupted, or had no Triton, goes on where it stopped."""
    error = failure(status)
    assert exit_code(error) is expected
    assert ("goes on where" in error.message) is goes_on
