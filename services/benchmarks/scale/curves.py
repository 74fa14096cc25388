"""The curves behind the index rules: kinds of index at sizes of shards, each tuned to the same recall."""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from services.benchmarks.gallery import Gallery, Shape
from services.benchmarks.scale.latency import Latency
from services.common.cores import available_cores
from services.evaluation.machine import this_machine
from services.indexer.building import build_index
from services.indexer.index_choice import lists_for
from services.neighbours.products import USUAL_TOP_K, Part, nearest_products
from services.neighbours.vector_index import Effort
from services.snapshot.index_rules import IndexRules

SIZES = (1_000, 5_000, 20_000, 62_500, 125_000, 250_000, 500_000)
_IMAGES_PER_PRODUCT, _LEAST_PRODUCTS = 625, 25
_QUERIES, _ROUNDS = 200, 3
_WANTED_RECALL = 0.98
_SEED = 20


@dataclass(frozen=True, slots=True)
class Point:
    """One kind of index at one size.

    Attributes:
        images: in it.
        factory: FAISS's factory string.
        latency: of one search for ten products on one core.
        recall_at_10: share of the ten best products that photos find, which tuning has not seen.
        bytes_per_image: of its file.
        build_seconds: training, adding and tuning, on all cores.
    """

    images: int
    factory: str
    latency: Latency
    recall_at_10: float
    bytes_per_image: float
    build_seconds: float


def kinds(images: int, dimension: int) -> tuple[str, ...]:
    """Return the factory strings to try: exact, a graph, lists, scalar codes, product codes, and those in lists."""
    lists, codes = lists_for(images), f"PQ{dimension // 2}x4fs"
    return ("Flat", "HNSW32", f"IVF{lists},Flat", "SQ8,RFlat", f"{codes},RFlat", f"IVF{lists},{codes},RFlat")


def points(images: int) -> Iterator[Point]:
    """Measure every kind of index for a drawn category of that size."""
    products = max(_LEAST_PRODUCTS, images // _IMAGES_PER_PRODUCT)
    gallery = Gallery(Shape(images, products, categories=1), _SEED)
    drawn, photos = gallery.category(0), gallery.photos(_QUERIES).vectors
    for factory in kinds(images, gallery.dimension):
        faiss.omp_set_num_threads(available_cores())
        began = time.monotonic()
        index = build_index(drawn.vectors, drawn.product_of_row, IndexRules(factory, _WANTED_RECALL))
        build_seconds = time.monotonic() - began
        part = Part(index.searchable)
        faiss.omp_set_num_threads(1)
        exact = nearest_products([part], drawn.product_of_row, photos, USUAL_TOP_K, Effort.EXACT)
        found, seconds = [], []
        for photo in np.tile(photos, (_ROUNDS, 1)):
            start = time.perf_counter()
            found += nearest_products([part], drawn.product_of_row, photo[np.newaxis], USUAL_TOP_K)
            seconds.append(time.perf_counter() - start)
        products_of = [[set(drawn.product_of_row[each.rows].tolist()) for each in some] for some in (found, exact)]
        recall = np.mean([len(a & b) / len(b) for a, b in zip(products_of[0], products_of[1], strict=False)])
        yield Point(images, factory, Latency.of(seconds), float(recall), _bytes(index.index) / images, build_seconds)


def _bytes(index: Any) -> int:
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "index.faiss"
        faiss.write_index(index, str(file))
        return file.stat().st_size


def _row(point: Point) -> str:
    return (
        f"| {point.images:,} | {point.factory} | {point.latency.p50:.2f} | {point.latency.p99:.2f} "
        f"| {point.recall_at_10:.3f} | {point.bytes_per_image:,.0f} | {point.build_seconds:.1f} |"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print the curves as a table, and write them to a file."""
    parser = argparse.ArgumentParser(prog="python -m services.benchmarks.scale.curves", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="pictures in a shard")
    parser.add_argument("--out", type=Path, default=Path("build/bench-scale/curves.json"), help="file for the figures")
    given = parser.parse_args(argv)
    print("| images | index | p50 ms | p99 ms | recall@10 | bytes an image | build s |", "|---" * 7 + "|", sep="\n")  # noqa: T201
    measured = []
    for images in given.sizes:
        for point in points(images):
            measured.append(asdict(point))
            print(_row(point), flush=True)  # noqa: T201
    given.out.parent.mkdir(parents=True, exist_ok=True)
    result = {"machine": this_machine().model_dump(), "points": measured}
    given.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
