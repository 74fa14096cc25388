"""A searcher and a Triton in one process that answer at once, as `services.benchmarks.speed.stub`, and note each call.

`python -m services.benchmarks.k8s.replica --models DIR --snapshot-root DIR --snapshot-id ID --journal FILE`
"""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from services.benchmarks.speed.stub import ModelsStub, ShardsStub, Stub, StubSettings
from services.common.lifecycle import main


class ReplicaSettings(StubSettings):
    """What the replica pretends to serve, and where it notes its calls."""

    journal: Path
    """A line per call: seconds of the machine's monotonic clock, and the method."""


class Journal:
    """What was asked, and when; every process of the machine has the same clock, whatever its namespace."""

    def __init__(self, file: IO[str]) -> None:
        """Write to a file that is flushed with each line."""
        self._file = file

    def note(self, method: str) -> None:
        """Note a call."""
        self._file.write(f"{time.monotonic():.6f} {method}\n")


class NotingModels(ModelsStub):
    """Notes each inference."""

    def __init__(self, models: Path, journal: Journal) -> None:
        """Create it.

        Args:
            models: the model repository whose configurations are told.
            journal: where calls are noted.
        """
        super().__init__(models)
        self._journal = journal

    async def ModelInfer(self, request: Any, context: Any) -> Any:  # noqa: N802 - named by the proto
        """Note it, and answer."""
        self._journal.note("ModelInfer")
        return await super().ModelInfer(request, context)


class NotingShards(ShardsStub):
    """Notes each search."""

    def __init__(self, journal: Journal) -> None:
        """Create it.

        Args:
            journal: where calls are noted.
        """
        super().__init__()
        self._journal = journal

    async def Search(self, request: Any, context: Any) -> Any:  # noqa: N802 - named by the proto
        """Note it, and answer."""
        self._journal.note("Search")
        return await super().Search(request, context)


class Replica(Stub):
    """Both, as `services.common.lifecycle` runs them."""

    def __init__(self, settings: ReplicaSettings) -> None:
        """Open the journal."""
        self._file = settings.journal.open("a", buffering=1, encoding="utf-8")
        journal = Journal(self._file)
        super().__init__(settings, NotingModels(settings.models, journal), NotingShards(journal))

    async def close(self) -> None:
        """Close the journal."""
        self._file.close()


def calls_of(journal: Path, method: str) -> Sequence[float]:
    """Return when a replica was asked, seconds of the monotonic clock, in order; empty before its first call."""
    if not journal.exists():
        return []
    lines = (line.split() for line in journal.read_text(encoding="utf-8").splitlines())
    return [float(words[0]) for words in lines if words[1:] == [method]]


if __name__ == "__main__":
    sys.exit(main("replica", ReplicaSettings, Replica, sys.argv[1:]))
