"""`make bench-quality`: fits, indexes and evaluates the Grocery Store dataset, and says what of the promise was kept.

Every step is a command that users type, run as a process of its own; only the frozen features as an embedder, and the
training photos that are spoilt on purpose, are made here. An interrupted run goes on with the next step; a finished
one begins anew.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from services.benchmarks.coarse import coarse_recall
from services.benchmarks.frozen_features import compose, write_frozen_features
from services.benchmarks.quality_targets import Measured, targets_of
from services.benchmarks.spoiling import WAYS
from services.benchmarks.targets import table, write_report
from services.common.errors import AisleError, Internal
from services.datasets.labelled import read_dataset, write_photos
from services.evaluation.machine import this_machine
from services.evaluation.schema import Report
from services.photo.labelled import read_photos
from services.training.record import from_json
from services.training.repository import RECORD

MODELS = Path("model_repository")
_SEED = 20
_IN_SHORT = ("--curve", "0", "--in-flight", "2")
"""No latency is judged here."""
_CASCADES = ("baseline", "top_1", "top_p", "adaptive")
_RUNGS = ("no_extras", "fewer_shards", "coarse")


@dataclass(frozen=True)
class Bench:
    """Where the run happens.

    Attributes:
        folder: everything that is made lies here.
        trainer: the Python that has torch.
    """

    folder: Path
    trainer: Path

    def aisle(
        self,
        *arguments: str | Path,
        python: str | Path = sys.executable,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Run one command of `aisle`.

        Args:
            arguments: the command line.
            python: what runs it.
            environment: variables besides our own.

        Raises:
            Internal: it failed; it has said why.
        """
        argv, more = [str(python), "-m", "services.cli", *map(str, arguments)], environment or {}
        print("$", *(f"{key}={value}" for key, value in more.items()), "aisle", *arguments, flush=True)  # noqa: T201
        status = subprocess.run(argv, check=False, env={**os.environ, **more}).returncode  # noqa: S603 - our own program
        if status:
            raise Internal(f"aisle {arguments[0]} ended with status {status}")

    def step(self, name: str, act: Callable[[], None]) -> None:
        """Run a step unless an interrupted run did."""
        file = self.folder / "steps.json"
        done: list[str] = json.loads(file.read_text()) if file.is_file() else []
        if name not in done:
            act()
            file.write_text(json.dumps([*done, name], indent=2) + "\n")

    def evaluated(
        self, name: str, dataset: Path, models: Path, policies: Sequence[str], *options: str | Path
    ) -> Report:
        """Index a dataset with a model repository, search its photos, and return the report."""
        out = self._out(name)

        def act() -> None:
            self.aisle("index", dataset, *self._where(name, models), *options)
            chosen = [argument for policy in policies for argument in ("--policy", policy)]
            self.aisle("evaluate", dataset, "--out", out, *_IN_SHORT, *chosen, *self._where(name, models))

        self.step(f"evaluate {name}", act)
        return _report(out)

    def on_rung(self, rung: str, name: str, dataset: Path, models: Path) -> Report:
        """Search what `evaluated` has indexed by that name once more, on one rung of degradation."""
        out = self._out(f"{name}-{rung}")
        act = partial(
            self.aisle,
            *("evaluate", dataset, "--out", out, *_IN_SHORT, "--policy", "adaptive", *self._where(name, models)),
            environment={"AISLE_GATEWAY_PINNED_RUNG": rung},
        )
        self.step(f"evaluate {name} on {rung}", act)
        return _report(out)

    def _out(self, name: str) -> Path:
        return self.folder / "evaluations" / name

    def _where(self, name: str, models: Path) -> tuple[str | Path, ...]:
        out = self._out(name)
        return ("--models", models, "--snapshot-root", out / "snapshots", "--run-folder", out / "run")


def _report(folder: Path) -> Report:
    return Report.model_validate_json((folder / "report.json").read_text())


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark; exit status 0 when it ran, whatever it measured, 1 when it could not."""
    parser = argparse.ArgumentParser(prog="python -m services.benchmarks.quality", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the Grocery Store dataset: its folder `dataset`")
    parser.add_argument("--out", type=Path, default=Path("build/bench-quality"), help="where everything is made")
    parser.add_argument("--trainer", type=Path, default=Path(".venv-train/bin/python"), help="a Python with torch")
    arguments = parser.parse_args(argv)
    report = arguments.out / "report.json"
    if report.is_file():
        shutil.rmtree(arguments.out)
    arguments.out.mkdir(parents=True, exist_ok=True)
    try:
        measured = measure(Bench(arguments.out, arguments.trainer), arguments.data)
    except AisleError as error:
        print(error.message, file=sys.stderr)  # noqa: T201
        return 1
    targets = targets_of(measured)
    further = {"machine": this_machine().model_dump(), "extra": measured.extra(), "seconds": dict(measured.seconds)}
    write_report(report, targets, further)
    print(table(targets), f"report: {report}", sep="\n")  # noqa: T201
    return 0


def measure(bench: Bench, data: Path) -> Measured:
    """Run every step and return what came of it."""
    datasets, models = bench.folder / "datasets", bench.folder / "models"
    grocery, fashion = datasets / "grocery", datasets / "fashion-mnist"
    head, tuned, frozen = models / "head", models / "fine-tuned", models / "frozen-embedder"
    bench.step("dataset", lambda: bench.aisle("dataset", "grocery", data, grocery))
    bench.step("fashion", lambda: bench.aisle("dataset", "fashion-mnist", fashion))
    bench.step("fit head", lambda: bench.aisle("fit", "head", grocery, "--out", head, "--replace"))
    tune = ("fit", "fine-tune", grocery, "--runs", "2", "--out", tuned, "--replace")
    bench.step("fit fine-tune", lambda: bench.aisle(*tune, python=bench.trainer))
    features = models / "frozen-features"
    bench.step("frozen features", lambda: write_frozen_features(MODELS, features))
    bench.step("frozen embedder", lambda: compose(frozen, classifier=tuned, embedder=features))
    return Measured(
        seconds={"head": _seconds_of_fit(head), "fine-tune": _seconds_of_fit(tuned)},
        frozen=bench.evaluated("frozen-embedder", grocery, frozen, _CASCADES),
        tuned=bench.evaluated("fine-tuned", grocery, tuned, (*_CASCADES, "all")),
        rungs={rung: bench.on_rung(rung, "fine-tuned", grocery, tuned) for rung in _RUNGS},
        coarse=coarse_recall(),
        spoilt={name: spoilt(bench, name, grocery, features) for name in WAYS},
        fashion=bench.evaluated("fashion-mnist", fashion, MODELS, _CASCADES),
        head=bench.evaluated("head", grocery, head, _CASCADES),
    )


def _seconds_of_fit(models: Path) -> float:
    """Return how long a fit took, also one that was interrupted, from its own record."""
    return from_json((models / "classifier" / RECORD).read_text()).seconds


def spoilt(bench: Bench, name: str, grocery: Path, embedder: Path) -> Report:
    """Fit a classifier to spoilt photos and search with it, with the frozen embedder."""
    folder, models = bench.folder / "datasets" / name, bench.folder / "models"

    def spoil() -> None:
        shutil.copytree(grocery, folder, dirs_exist_ok=True)
        copy = read_dataset(folder)
        if copy.train is None:
            raise Internal(f"{grocery} has no training photos to spoil")
        lot = random.Random(f"{_SEED} {name}")  # noqa: S311 - a draw that can be repeated, no secret
        write_photos(copy.train, WAYS[name](read_photos(copy.train, copy.image_root), lot))

    bench.step(f"spoil {name}", spoil)
    fitted, composed = models / f"{name}-classifier", models / name
    bench.step(
        f"fit {name}", lambda: bench.aisle("fit", "head", folder, "--out", fitted, "--keep-embedder", "--replace")
    )
    bench.step(f"compose {name}", lambda: compose(composed, classifier=fitted, embedder=embedder))
    return bench.evaluated(name, folder, composed, ("baseline", "top_1", "adaptive"))


if __name__ == "__main__":
    sys.exit(main())
