"""What this machine has to give: free ports on loopback, and memory."""

import random
import socket
from pathlib import Path

# Below the range from which the kernel takes ports of outgoing connections (32768 up, by default): none of those can
# take a port between our choosing it and a process binding it, or while that process is being restarted.
_PORTS = range(20_000, 32_000)
_CGROUP = Path("/sys/fs/cgroup")


def free_ports(count: int) -> list[int]:
    """Return distinct ports of loopback on which nobody listens right now."""
    found: list[int] = []
    candidates = iter(random.sample(_PORTS, len(_PORTS)))
    while len(found) < count:
        port = next(candidates)
        if is_free(port):
            found.append(port)
    return found


def is_free(port: int) -> bool:
    """Return whether nobody listens on that port of loopback right now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # closed connections that linger don't count
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def available_bytes(meminfo: Path = Path("/proc/meminfo"), cgroup: Path = _CGROUP) -> int:
    """Return the memory that new processes can have: what the machine has free, and no more than the cgroup leaves."""
    lines = (line.split() for line in meminfo.read_text(encoding="ascii").splitlines())
    free = next(int(words[1]) * 1024 for words in lines if words[0] == "MemAvailable:")
    try:
        limit = int((cgroup / "memory.max").read_text(encoding="ascii"))
        used = int((cgroup / "memory.current").read_text(encoding="ascii"))
    except (OSError, ValueError):  # no cgroup v2, or "max": no limit
        return free
    return min(free, max(0, limit - used))
