"""Hands one shard to the comparison, which runs in an environment of its own, and reads what came of it."""

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np

from services.benchmarks.scale.building import Built
from services.benchmarks.scale.drawing import LOT
from services.benchmarks.scale.one_shard import FILTERS, usual_shard
from services.benchmarks.scale.shop import LOTS
from services.common.errors import Internal, SettingsInvalid

Comparison = dict[str, Any]


def compared(folder: Path, built: Built, queries: int, python: Path) -> Comparison:
    """Return how engines do on the vectors of the shard whose size is nearest to the usual one.

    Args:
        folder: for the files that are exchanged.
        built: the gallery.
        queries: photos to draw.
        python: the Python that has the engines.

    Raises:
        SettingsInvalid: there is no such Python.
        Internal: the comparison failed; it has said why.
    """
    if not python.is_file():
        raise SettingsInvalid(f"{python} is missing: `make compare-setup` installs the engines there", field="comparer")
    category = usual_shard(built.manifest).category
    rows = np.flatnonzero(np.array(built.drawn.items["category"].to_pylist(), np.object_) == category)
    items = built.drawn.items.take(rows)
    folder.mkdir(parents=True, exist_ok=True)
    number = built.shop.names.index(category)
    np.savez(
        folder / "shard.npz",
        vectors=built.drawn.vectors[rows],
        lots=items[LOT].to_numpy(),
        product_of_row=items["product_id"].combine_chunks().dictionary_encode().indices.to_numpy().astype(np.int64),
        queries=built.shop.gallery.photos(queries, seed=2, category=number).vectors,
    )
    filters = [
        {"name": name, "lots_below": below, "share": 1.0 if below is None else below / LOTS}
        for name, below in FILTERS.items()
    ]
    (folder / "filters.json").write_text(json.dumps(filters, indent=2) + "\n")
    command = [str(python), "-m", "services.benchmarks.scale.comparison", str(folder)]
    if subprocess.run(command, check=False).returncode:  # noqa: S603 - our own program
        raise Internal("the comparison failed; it has said why")
    result: Comparison = json.loads((folder / "comparison.json").read_text())
    return result
