"""What a process keeps in memory without the files of an index that it has mapped, by the kernel's account."""

from pathlib import Path

_PROC = Path("/proc")
_INDEX = "index.faiss"


def resident_without_index(pid: int, proc: Path = _PROC) -> int:
    """Return the resident bytes of a process; pages that it shares count, those of mapped FAISS indexes don't.

    Args:
        pid: its process id.
        proc: where the kernel tells.

    Raises:
        FileNotFoundError: it has ended.
    """
    total, is_index = 0, False
    for line in (proc / str(pid) / "smaps").read_text(encoding="utf-8").splitlines():
        name, _, rest = line.partition(":")
        if name == "Rss":
            total += 0 if is_index else 1024 * int(rest.split()[0])
        elif " " in name:  # the head of a mapping: addresses, rights, offset, device, inode, file
            is_index = line.endswith(f"/{_INDEX}")
    return total
