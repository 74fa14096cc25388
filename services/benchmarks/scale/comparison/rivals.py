"""What someone would pick from PyPI, each as its documentation says; `make bench-scale` installs them apart."""

import math
from collections.abc import Sequence
from pathlib import Path

import chromadb
import lancedb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from usearch.index import Index

from services.benchmarks.scale.comparison.ladder import IMAGES, Filter, Ids, Settings

_POWERS = range(5, 14)
_CHROMAS_GRAPHS = (
    {"max_neighbors": 16, "ef_construction": 100, "ef_search": 100},  # the defaults
    {"max_neighbors": 32, "ef_construction": 200, "ef_search": 200},
    {"max_neighbors": 32, "ef_construction": 400, "ef_search": 400},
)


class Usearch:
    """usearch: a graph in memory. It knows no attributes: more is asked for, and what does not pass is dropped."""

    name = "usearch"

    def __init__(self, vectors: NDArray[np.float32], lots: Ids) -> None:
        """Build with the default graph; arguments as of all engines: vectors of unit length, and their lots."""
        self._index = Index(ndim=vectors.shape[1], metric="ip", dtype="f32")
        self._index.add(np.arange(len(vectors)), vectors)
        self._lots = lots
        self._count = IMAGES

    def efforts(self, wanted: Filter) -> Sequence[Settings]:
        """Expand more; ask for twice as many as hold ten that pass on average, for fewer often hold too few."""
        filtered = min(2 * math.ceil(IMAGES / wanted.share), len(self._lots))
        count = IMAGES if wanted.lots_below is None else filtered
        expansions = sorted({max(2**power, count) for power in _POWERS})
        return [{"expansion_search": expansion, "count": count} for expansion in expansions]

    def use(self, settings: Settings) -> None:
        """Set the expansion and the number of neighbours."""
        self._index.expansion_search = settings["expansion_search"]
        self._count = settings["count"]

    def search(self, query: NDArray[np.float32], wanted: Filter) -> Ids:
        """Search, then filter."""
        rows: Ids = self._index.search(query, self._count, threads=1).keys.astype(np.int64)
        return rows if wanted.lots_below is None else rows[self._lots[rows] < wanted.lots_below][:IMAGES]


class LanceDb:
    """LanceDB: lists of codes on disk, refined by the vectors; attributes are filtered before the search."""

    def __init__(self, vectors: NDArray[np.float32], lots: Ids, folder: Path, index_type: str) -> None:
        """Write a table, an index of the vectors with its default settings, and one of the lots."""
        self.name = f"LanceDB {index_type}"
        column = pa.FixedSizeListArray.from_arrays(vectors.ravel(), vectors.shape[1])
        rows = pa.table({"row": np.arange(len(vectors)), "lot": lots, "vector": column})
        self._table = lancedb.connect(folder).create_table(index_type.lower(), rows, mode="overwrite")
        self._table.create_index(metric="cosine", vector_column_name="vector", index_type=index_type)
        self._table.create_scalar_index("lot")
        self._has_graph = "HNSW" in index_type
        self._settings: Settings = {}

    def efforts(self, wanted: Filter) -> Sequence[Settings]:
        """Probe more lists and refine more."""
        del wanted
        wide = [{"nprobes": 20, "refine_factor": factor} for factor in (1, 5, 10, 20, 50)]
        wider = [{"nprobes": 256, "refine_factor": factor} for factor in (10, 50, 100, 200)]
        graph = {"ef": 400} if self._has_graph else {}
        return [{**settings, **graph} for settings in (*wide, *wider)]

    def use(self, settings: Settings) -> None:
        """Take them for each query."""
        self._settings = settings

    def search(self, query: NDArray[np.float32], wanted: Filter) -> Ids:
        """Search among what passes."""
        asked = self._table.search(query).distance_type("cosine").select(["row", "_distance"]).limit(IMAGES)
        for name, value in self._settings.items():
            asked = getattr(asked, name)(value)
        if wanted.lots_below is not None:
            asked = asked.where(f"lot < {wanted.lots_below}")
        rows: Ids = asked.to_arrow()["row"].to_numpy()
        return rows


class Chroma:
    """Chroma: a graph in memory, attributes in SQLite. How closely it looks is settled when a collection is made."""

    name = "Chroma"

    def __init__(self, vectors: NDArray[np.float32], lots: Ids, folder: Path) -> None:
        """Make a collection for each kind of graph, all of which compare by inner product."""
        client = chromadb.PersistentClient(folder, chromadb.Settings(anonymized_telemetry=False))
        batch = client.get_max_batch_size()
        self._collections = [
            client.create_collection(f"graph-{number}", configuration={"hnsw": {"space": "ip", **graph}})
            for number, graph in enumerate(_CHROMAS_GRAPHS)
        ]
        for start in range(0, len(vectors), batch):
            rows = range(start, min(start + batch, len(vectors)))
            for collection in self._collections:
                collection.add(
                    ids=[str(row) for row in rows],
                    embeddings=vectors[start : rows.stop],
                    metadatas=[{"lot": lot} for lot in lots[start : rows.stop].tolist()],
                )
        self._collection = self._collections[0]

    def efforts(self, wanted: Filter) -> Sequence[Settings]:
        """Look at more of a denser graph."""
        del wanted
        return _CHROMAS_GRAPHS

    def use(self, settings: Settings) -> None:
        """Take the collection that was made so: changing one has no effect before the process ends."""
        self._collection = self._collections[_CHROMAS_GRAPHS.index(settings)]

    def search(self, query: NDArray[np.float32], wanted: Filter) -> Ids:
        """Search among what passes."""
        where = None if wanted.lots_below is None else {"lot": {"$lt": wanted.lots_below}}
        found = self._collection.query(query_embeddings=[query], n_results=IMAGES, where=where, include=[])
        return np.array(found["ids"][0], np.int64)
