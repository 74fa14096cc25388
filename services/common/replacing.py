"""Folders and files that appear in one step: made under another name, then renamed, so nobody ever sees half of one."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replaced_in_one_step(target: Path, *, beside: Path | None = None) -> Iterator[Path]:
    """Yield an empty folder that takes `target`'s name when the block ends without an error.

    An older `target` is replaced as a whole; after an error it stays as it was.

    Args:
        target: the folder to make; whether an older one may be replaced is the caller's to decide.
        beside: where the unfinished folder lies, on the same file system; `target`'s parent by default.
    """
    place = target.parent if beside is None else beside
    place.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=place))
    try:
        fresh, old = scratch / "fresh", scratch / "old"
        fresh.mkdir()
        yield fresh
        if target.exists():
            target.replace(old)
        try:
            fresh.replace(target)
        except OSError:
            if old.exists():
                old.replace(target)
            raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def write_in_one_step(target: Path, text: str) -> None:
    """Write a file in UTF-8; an older one is replaced as a whole."""
    unfinished = target.with_name(f".{target.name}.unfinished")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(target)
