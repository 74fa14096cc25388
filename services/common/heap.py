"""What a process does with its memory once it has loaded what it keeps."""

import ctypes
import gc
from typing import Final

_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_KEPT_BYTES: Final = 16 * 2**20


def settle_heap() -> None:
    """Free what loading left behind, leave what stays alone, and keep what calls will free for the next ones.

    The garbage collector does not look through what was loaded again and again, which would take milliseconds of calls.
    What was freed by then goes back to the system. From then on glibc gives back what is more than 16 MB only: a photo
    takes four buffers of 150 kB, which its usual thresholds had unmapped after each, and their pages zeroed for the
    next one, 0.3 ms of a gateway's 3.4. A C library without these knobs does as it likes.
    """
    gc.collect()
    gc.freeze()
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim") and hasattr(libc, "mallopt"):
        libc.malloc_trim(0)
        libc.mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
        libc.mallopt(_M_MMAP_THRESHOLD, _KEPT_BYTES)
