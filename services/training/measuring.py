"""What the model cards report besides figures: CPU time per photo, and the machine."""

import os
import platform
import time
from pathlib import Path

import numpy as np

from services.training.sessions import open_session


def cpu_ms_per_photo(models: dict[str, tuple[Path, int]], rounds: int = 40) -> dict[str, float]:
    """Return each model's CPU time for one photo in milliseconds: median over rounds, one thread, batch of one.

    Args:
        models: by name, the ONNX file and the side of its input. They take turns, so a busy machine is as
            unfair to one as to the other; and CPU time, unlike elapsed time, leaves other processes out.
        rounds: how often each is run; the first quarter does not count.
    """
    sessions = {name: (open_session(path, threads=1), side) for name, (path, side) in models.items()}
    times: dict[str, list[float]] = {name: [] for name in models}
    rng = np.random.default_rng(0)
    for _ in range(rounds):
        for name, (session, side) in sessions.items():
            photo = rng.integers(0, 256, (1, side, side, 3), dtype=np.uint8)
            start = time.process_time()
            session.run(None, {"pixels": photo})
            times[name].append(time.process_time() - start)
    return {name: 1000 * float(np.median(spent[rounds // 4 :])) for name, spent in times.items()}


def machine() -> str:
    """Name the processor and how many of its cores this machine has."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.is_file() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return f"{os.cpu_count()}-core {next(names, platform.processor() or platform.machine())}"
