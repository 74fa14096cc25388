"""The command line of the benchmark, and its report."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from services.benchmarks.gallery import Shape
from services.benchmarks.scale.measuring import Bench, measure
from services.benchmarks.targets import table, write_report
from services.common.errors import AisleError
from services.common.telemetry import configure_logging


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark; exit status 0 when it ran, whatever it measured, 1 when it could not."""
    bench = _bench(argv)
    configure_logging("bench-scale", "warning")
    try:
        measured = asyncio.run(measure(bench, partial(print, flush=True)))
    except AisleError as error:
        print(error.message, file=sys.stderr)  # noqa: T201
        return 1
    report = bench.folder / "report.json"
    targets = measured.targets()
    write_report(report, targets, measured.further())
    print(table(targets), f"report: {report}", sep="\n")  # noqa: T201
    return 0


def _bench(argv: Sequence[str] | None) -> Bench:
    parser = argparse.ArgumentParser(prog="python -m services.benchmarks.scale", description=__doc__)
    parser.add_argument("--images", type=int, default=2_000_000, help="pictures of the gallery")
    parser.add_argument("--products", type=int, default=3_200, help="products of the gallery")
    parser.add_argument("--categories", type=int, default=32, help="TLCs of the gallery")
    parser.add_argument("--photos", type=int, default=500, help="real photos to search with, and as many to fit to")
    parser.add_argument("--queries", type=int, default=300, help="photos drawn for one shard")
    parser.add_argument("--rounds", type=int, default=5, help="how often each real photo is searched in each way")
    parser.add_argument("--shards-per-searcher", type=int, default=16, help="shards that share a process")
    parser.add_argument("--models", type=Path, default=Path("model_repository"), help="model repository")
    parser.add_argument("--out", type=Path, default=Path("build/bench-scale"), help="where everything is made")
    parser.add_argument(
        "--comparer", type=Path, default=None, help="a Python that has other engines: .venv-compare/bin/python"
    )
    given = parser.parse_args(argv)
    return Bench(
        folder=given.out,
        shape=Shape(given.images, given.products, given.categories),
        models=given.models,
        photos=given.photos,
        queries=given.queries,
        rounds=given.rounds,
        shards_per_searcher=given.shards_per_searcher,
        comparer=given.comparer,
    )


if __name__ == "__main__":
    sys.exit(main())
