"""The machine that a measurement was made on."""

import os
import platform
import re
from importlib.metadata import version
from pathlib import Path

from services.evaluation.schema import Machine

_PACKAGES = ("aisle", "grpcio", "numpy")


def this_machine() -> Machine:
    """Describe the machine that this process runs on."""
    return Machine(
        cpu=_processor(),
        cores=len(os.sched_getaffinity(0)),
        memory_bytes=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        python=platform.python_version(),
        packages={package: version(package) for package in _PACKAGES},
    )


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        text = ""
    named = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return named.group(1).strip() if named else platform.processor() or platform.machine()
