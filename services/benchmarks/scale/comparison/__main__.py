"""Runs the comparison on a folder that `rivalry.py` has filled, and writes `comparison.json` into it."""

import json
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import numpy as np

from services.benchmarks.scale.comparison.display import Result, table
from services.benchmarks.scale.comparison.ladder import Engine, Filter, chosen_effort, nearest, timed
from services.benchmarks.scale.comparison.ours import Aisle
from services.benchmarks.scale.comparison.rivals import Chroma, LanceDb, Usearch

_ROUNDS = 3
_PACKAGES = ("faiss-cpu", "usearch", "lancedb", "chromadb")


def main(folder: Path) -> int:
    """Build every engine, find how much effort each filter takes, and time searches with that."""
    shard = np.load(folder / "shard.npz")
    vectors, lots, queries = shard["vectors"], shard["lots"], shard["queries"]
    filters = [Filter(**each) for each in json.loads((folder / "filters.json").read_text())]
    scratch = folder / "engines"
    shutil.rmtree(scratch, ignore_errors=True)
    makers: list[Callable[[], Engine]] = [
        lambda: Aisle(vectors, lots, shard["product_of_row"]),
        lambda: Usearch(vectors, lots),
        lambda: LanceDb(vectors, lots, scratch / "lancedb", "IVF_PQ"),
        lambda: LanceDb(vectors, lots, scratch / "lancedb", "IVF_HNSW_SQ"),
        lambda: Chroma(vectors, lots, scratch / "chroma"),
    ]
    engines, seconds = [], {}
    for make in makers:
        began = time.monotonic()
        engines.append(make())
        seconds[engines[-1].name] = time.monotonic() - began
        print(f"{engines[-1].name}: built in {seconds[engines[-1].name]:.1f} s", flush=True)  # noqa: T201
    results = []
    for wanted in filters:
        truth = nearest(vectors, lots, queries, wanted)
        chosen = {engine.name: chosen_effort(engine, queries, truth, wanted) for engine in engines}
        latency = timed(engines, chosen, queries, wanted, rounds=_ROUNDS)
        for name, effort in chosen.items():
            results.append(Result(name, wanted.name, effort, latency[name]))
            print(f"{name}: {wanted.name}: {results[-1]}", flush=True)  # noqa: T201
    print(table(seconds, results), flush=True)  # noqa: T201
    rows = [
        {"engine": each.engine, "filter": each.filter, **asdict(each.chosen), **asdict(each.latency)}
        for each in results
    ]
    packages = {package: version(package) for package in _PACKAGES}
    result = {"images": len(vectors), "packages": packages, "build_seconds": seconds, "rows": rows}
    (folder / "comparison.json").write_text(json.dumps(result, indent=2) + "\n")
    shutil.rmtree(scratch, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
