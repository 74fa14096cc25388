"""What libraries raise about a snapshot's verified files, in our words: the file is at fault, or this machine is."""

from collections.abc import Iterator
from contextlib import contextmanager

from services.common.errors import AisleError, SnapshotInvalid, Unavailable
from services.common.telemetry import get_logger

_log = get_logger()


@contextmanager
def blaming(name: str) -> Iterator[None]:
    """Let a block use a file; errors of ours go through as they are.

    Args:
        name: what errors call the file.

    Raises:
        SnapshotInvalid: a library can't use it; where that happened is logged.
        Unavailable: this machine can't at the moment; it is short of memory or of open files, say.
    """
    try:
        yield
    except AisleError:
        raise
    except MemoryError as error:
        raise Unavailable(f"{name}: this machine is short of memory") from error
    except Exception as error:
        # Arrow says by an OSError, too, that a file is damaged; only the system's errors have a number.
        if isinstance(error, OSError) and error.errno is not None:
            raise Unavailable(f"{name}: {error}") from error
        _log.warning("file_unusable", file=name, exc_info=error)
        raise SnapshotInvalid(f"{name}: can't be used: {type(error).__name__}: {error}") from error
