"""Measures it: `python -m services.benchmarks.telemetry`, on what `make demo` has left."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from services.benchmarks.targets import table
from services.benchmarks.telemetry.cost import Setup, telemetry_cost
from services.common.errors import AisleError
from services.common.telemetry import configure_logging


def main(argv: Sequence[str] | None = None) -> int:
    """Run it; exit status 0 when it ran, whatever it measured, 1 when it could not."""
    setup = _setup(argv)
    configure_logging("bench", "warning")
    setup.folder.mkdir(parents=True, exist_ok=True)
    say = partial(print, flush=True)
    try:
        cost = asyncio.run(telemetry_cost(setup, say))
    except AisleError as error:
        print(error.message, file=sys.stderr)  # noqa: T201
        return 1
    say(table([cost.target()]))
    say(
        f"p50 {cost.p50.value:.3f} ({cost.p50.least:.3f} to {cost.p50.most:.3f}) of {cost.p50_ms_off:.2f} ms, "
        f"throughput {cost.throughput.value:.3f} ({cost.throughput.least:.3f} to {cost.throughput.most:.3f}) "
        f"of {cost.photos_per_second_off:.1f} a second; {cost.spans} spans"
    )
    return 0


def _setup(argv: Sequence[str] | None) -> Setup:
    parser = argparse.ArgumentParser(prog="python -m services.benchmarks.telemetry", description=__doc__)
    parser.add_argument("--demo", type=Path, default=Path("build/demo"), help="the demo's folder")
    parser.add_argument("--blocks", type=int, default=100, help="turns of 10 photos")
    parser.add_argument("--models", type=Path, default=Path("model_repository"), help="model repository")
    parser.add_argument("--triton-environment", type=Path, default=Path(".venv-triton"), help="Triton's Python")
    parser.add_argument("--out", type=Path, default=Path("build/telemetry"), help="for logs")
    given = parser.parse_args(argv)
    return Setup(
        folder=given.out,
        snapshot_root=str((given.demo / "snapshots").absolute()),
        dataset=given.demo / "dataset",
        models=given.models,
        triton_environment=given.triton_environment,
        blocks=given.blocks,
    )


if __name__ == "__main__":
    sys.exit(main())
