"""`make chaos`: every situation, and minutes of mixed faults; writes `build/chaos/report.json`."""

import argparse
import asyncio
import shutil
import sys
from pathlib import Path

from services.benchmarks.targets import Target, table, write_report
from services.evaluation.machine import this_machine
from tests.e2e.faults import overload, situations

SITUATIONS = {**situations.SITUATIONS, **overload.SITUATIONS}


async def run(names: list[str], seeds: list[int], minutes: float, out: Path) -> list[Target]:
    """Run the situations, then mixed faults for each seed."""
    targets: list[Target] = []
    for name in names:
        print(f"{name} ...", flush=True)  # noqa: T201 - it takes minutes
        folder = _fresh(out / name)
        measured = await SITUATIONS[name](folder, seeds[0])
        targets += measured
        print(table(measured), flush=True)  # noqa: T201
    for seed in seeds if minutes else ():
        print(f"mixed faults, seed {seed} ...", flush=True)  # noqa: T201
        targets += await situations.mixed(_fresh(out / f"mixed-{seed}"), seed, minutes)
    return targets


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def main() -> int:
    """Run from the command line; exit status 0 when everything was met, 1 otherwise."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.faults", description=__doc__)
    parser.add_argument("--situation", choices=[*SITUATIONS, "mixed"], action="append", help="by default all of them")
    parser.add_argument("--minutes", type=float, default=30.0, help="of mixed faults, for each seed; 0 for none")
    parser.add_argument("--seed", type=int, action="append", help="by default 1, 2 and 3")
    parser.add_argument("--out", type=Path, default=Path("build/chaos"))
    arguments = parser.parse_args()
    chosen = arguments.situation or [*SITUATIONS, "mixed"]
    minutes = arguments.minutes if "mixed" in chosen else 0.0
    names = [name for name in chosen if name in SITUATIONS]
    targets = asyncio.run(run(names, arguments.seed or [1, 2, 3], minutes, arguments.out))
    write_report(arguments.out / "report.json", targets, {"machine": this_machine().model_dump()})
    print(table(targets))  # noqa: T201
    return 0 if all(target.met for target in targets) else 1


if __name__ == "__main__":
    sys.exit(main())
