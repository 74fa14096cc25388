"""The command line of the benchmark, and its report."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from services.benchmarks.speed.limit import LimitAlone
from services.benchmarks.speed.measuring import Bench, measure, measure_limit
from services.benchmarks.targets import table, write_report
from services.common.errors import AisleError
from services.common.telemetry import configure_logging


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark; exit status 0 when it ran, whatever it measured, 1 when it could not."""
    bench, limit_only = _bench(argv)
    configure_logging("bench", "warning")
    say = partial(print, flush=True)
    try:
        if limit_only:
            say(_words(asyncio.run(measure_limit(bench, say))))
            return 0
        measured = asyncio.run(measure(bench, say))
    except AisleError as error:
        print(error.message, file=sys.stderr)  # noqa: T201
        return 1
    report, targets = bench.folder / "report.json", measured.targets()
    write_report(report, targets, measured.further())
    say(_words(measured.limit), table(targets), f"report: {report}", sep="\n")
    return 0


def _bench(argv: Sequence[str] | None) -> tuple[Bench, bool]:
    parser = argparse.ArgumentParser(prog="python -m services.benchmarks.speed", description=__doc__)
    parser.add_argument("--limit", action="store_true", help="measure the limit alone, some seconds")
    parser.add_argument("--blocks", type=int, default=16, help="turns of 25 photos, system and limit")
    parser.add_argument("--knees", type=int, default=3, help="searches for the knee, two minutes each")
    parser.add_argument("--soak", type=float, default=0.0, metavar="MINUTES", help="then run at 80 %% of the knee")
    parser.add_argument("--demo", type=Path, default=Path("build/demo"), help="the demo's folder, made when missing")
    parser.add_argument("--models", type=Path, default=Path("model_repository"), help="model repository")
    parser.add_argument("--triton-environment", type=Path, default=Path(".venv-triton"), help="Triton's Python")
    parser.add_argument("--out", type=Path, default=Path("build/bench"), help="where everything else is made")
    given = parser.parse_args(argv)
    bench = Bench(
        folder=given.out,
        demo=given.demo,
        models=given.models,
        triton_environment=given.triton_environment,
        blocks=given.blocks,
        knees=given.knees,
        soak_minutes=given.soak,
    )
    return bench, given.limit


def _words(limit: LimitAlone) -> str:
    full, batches = limit.full, ", ".join(f"{rate:.0f} by {batch}" for batch, rate in limit.batches.items())
    return (
        f"the limit: p50 {limit.p50_ms:.1f} ms at one in flight; {full.photos_per_second:.0f} photos a second at "
        f"{full.cpu_ms:.1f} ms of processor time each; by photos in a batch: {batches}"
    )


if __name__ == "__main__":
    sys.exit(main())
