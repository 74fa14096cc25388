"""What processes keep in memory, by the kernel's own account."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_LOOK_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Resident:
    """Bytes in memory.

    Attributes:
        rss: every page counted in each process that has it.
        pss: every page counted once, in equal parts by the processes that share it.
    """

    rss: int
    pss: int


def resident(pids: Iterable[int], proc: Path = _PROC) -> Resident:
    """Return what processes keep in memory together; one that has ended keeps nothing.

    Args:
        pids: process ids.
        proc: where the kernel tells; Linux 4.14 or later.
    """
    every = [_rollup(proc / str(pid) / "smaps_rollup") for pid in pids]
    return Resident(sum(each.rss for each in every), sum(each.pss for each in every))


def _rollup(path: Path) -> Resident:
    try:
        lines = [line.split() for line in path.read_text(encoding="ascii").splitlines()[1:]]
    except (FileNotFoundError, ProcessLookupError):
        return Resident(0, 0)
    kilobytes = {words[0]: int(words[1]) for words in lines}
    return Resident(1024 * kilobytes["Rss:"], 1024 * kilobytes["Pss:"])


def drop_from_page_cache(folder: Path) -> None:
    """Ask the kernel to forget the files below a folder, as after a restart; what a process has mapped stays."""
    for path in folder.rglob("*"):
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(descriptor)


class MemoryWatch:
    """Looks at the memory of processes now and then."""

    def __init__(self, pids: Sequence[int]) -> None:
        """Watch nothing yet.

        Args:
            pids: process ids.
        """
        self._pids = pids
        self._peak = 0

    def peak(self) -> int:
        """Return the most bytes that were seen since the last call, shared pages counted once."""
        peak, self._peak = self._peak, 0
        return peak

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Look for the time of the context."""
        looking = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)

    async def _watch(self) -> None:
        while True:
            self._peak = max(self._peak, (await asyncio.to_thread(resident, self._pids)).pss)
            await asyncio.sleep(_LOOK_SECONDS)
