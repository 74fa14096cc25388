"""The command line of the benchmark, and its report."""

import argparse
import math
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from services.benchmarks.speed.figures import Measured
from services.benchmarks.speed.limit import LimitAlone
from services.benchmarks.speed.measuring import Bench, measure, measure_limit, measure_soak
from services.benchmarks.speed.promise import SOAK_MINUTES
from services.benchmarks.targets import Target, table, write_report
from services.cli.console import run
from services.common.errors import AisleError
from services.common.telemetry import configure_logging
from services.evaluation.machine import this_machine

say = partial(print, flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark; exit status 0 when it ran, whatever it measured, 1 when it could not."""
    only, bench = _given(argv)
    configure_logging("bench", "warning")
    try:
        match only:
            case "limit":
                say(_of_limit(run(measure_limit(bench, say))))
            case "soak":
                soak = run(measure_soak(bench, say))
                _write(bench, [soak.target()], {"machine": this_machine().model_dump(), "soak": asdict(soak)})
            case _:
                measured = run(measure(bench, say))
                say(_of_limit(measured.limit))
                say(_of_straight(measured))
                _write(bench, measured.targets(), measured.further())
    except AisleError as error:
        print(error.message, file=sys.stderr)  # noqa: T201
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _given(argv: Sequence[str] | None) -> tuple[str | None, Bench]:
    parser = argparse.ArgumentParser(prog="python -m services.benchmarks.speed", description=__doc__)
    parser.add_argument("--only", choices=("limit", "soak"), help="the limit alone, some seconds, or a long run alone")
    parser.add_argument("--blocks", type=_count, default=16, help="turns of 25 photos, system and limit")
    parser.add_argument("--knees", type=_count, default=3, help="searches for the knee, two minutes each")
    parser.add_argument("--soak", type=_positive, metavar="MINUTES", help="then run at 80 %% of the knee; alone 30")
    parser.add_argument(
        "--knee", type=_positive, metavar="RATE", help="of --only soak: photos a second, not looked for"
    )
    parser.add_argument("--shards-per-searcher", type=int, default=0, help="as of `aisle up`")
    parser.add_argument("--demo", type=Path, default=Path("build/demo"), help="the demo's folder, made when missing")
    parser.add_argument("--models", type=Path, default=Path("model_repository"), help="model repository")
    parser.add_argument("--triton-environment", type=Path, default=Path(".venv-triton"), help="Triton's Python")
    parser.add_argument("--out", type=Path, default=Path("build/bench"), help="where everything else is made")
    given = parser.parse_args(argv)
    if given.knee is not None and given.only != "soak":
        parser.error("--knee is of --only soak: all else looks for it")
    soak_minutes = given.soak
    if soak_minutes is None:
        soak_minutes = SOAK_MINUTES if given.only == "soak" else 0.0
    bench = Bench(
        folder=given.out,
        demo=given.demo,
        models=given.models,
        triton_environment=given.triton_environment,
        blocks=given.blocks,
        knees=given.knees,
        soak_minutes=soak_minutes,
        knee=given.knee,
        shards_per_searcher=given.shards_per_searcher,
    )
    return given.only, bench


def _positive(text: str) -> float:
    with suppress(ValueError):
        if 0 < (number := float(text)) < math.inf:
            return number
    raise argparse.ArgumentTypeError(f"{text} is no number above 0")


def _count(text: str) -> int:
    with suppress(ValueError):
        if (number := int(text)) >= 1:
            return number
    raise argparse.ArgumentTypeError(f"{text} is no whole number above 0")


def _write(bench: Bench, targets: Sequence[Target], further: Mapping[str, Any]) -> None:
    report = bench.folder / "report.json"
    write_report(report, targets, further)
    say(table(targets))
    say(f"report: {report}")


def _of_limit(limit: LimitAlone) -> str:
    full, batches = limit.full, ", ".join(f"{rate:.0f} by {batch}" for batch, rate in limit.batches.items())
    return (
        f"the limit: p50 {limit.p50_ms:.1f} ms at one in flight; {full.photos_per_second:.0f} photos a second at "
        f"{full.cpu_ms:.1f} ms of processor time each; by photos in a batch: {batches}"
    )


def _of_straight(measured: Measured) -> str:
    latency, throughput = measured.one_in_flight.straight_to_limit, measured.at_the_knee.straight_to_limit
    return (
        f"Triton called straight from the client: p50 {latency.value:.2f} of the limit's at one in flight; "
        f"{throughput.value:.2f} of its photos a second"
    )


if __name__ == "__main__":
    sys.exit(main())
