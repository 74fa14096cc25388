"""Accuracy against cost: every variant's answers to validation photos, and its times, runtimes in turns."""

import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from services.benchmarks.inference.subjects import Subject
from services.benchmarks.inference.variants import SHAPES, Found, Row, median_cost
from services.common.errors import FailedPrecondition
from services.training.fitted import TrainingData
from services.training.photos import load
from services.training.retrieval import product_ranks

_WORKER: Final = Path(__file__).with_name("worker.py")
_RUNS: Final = 100


@dataclass(frozen=True, slots=True)
class Bench:
    """How it is measured.

    Attributes:
        pythons: the interpreter of each runtime's environment, by the runtime's name.
        rounds: how often each runtime has its turn.
        folder: for pictures, answers and jobs.
        say: hears of every step.
    """

    pythons: Mapping[str, Path]
    rounds: int
    folder: Path
    say: Callable[[str], None]


def curve(subjects: Sequence[Subject], data: TrainingData, bench: Bench) -> list[Row]:
    """Return a row for each subject, precision and runtime.

    Raises:
        FailedPrecondition: a runtime can't be started; the message has its last words.
    """
    bench.folder.mkdir(parents=True, exist_ok=True)
    variants = {
        f"{subject.key}-{precision}": (subject, precision) for subject in subjects for precision in subject.files
    }
    pixels = _written_pixels(subjects, data, bench.folder)
    files = {name: str(subject.files[precision]) for name, (subject, precision) in variants.items()}
    pictures = {name: str(pixels[subject.side]) for name, (subject, _) in variants.items()}
    found, times = dict[tuple[str, str], Found](), dict[tuple[str, str], list[list[dict[str, float]]]]()
    for runtime in bench.pythons:
        bench.say(f"answers of {runtime}")
        answers = bench.folder / f"answers-{runtime}"
        answers.mkdir(exist_ok=True)
        _work(bench, runtime, {"task": "answer", "files": files, "pixels": pictures, "threads": 2, "out": str(answers)})
        for name in files:
            found[runtime, name] = judged(answers / f"{name}.npz", data)
    for turn in range(bench.rounds):
        for runtime in bench.pythons:
            bench.say(f"times of {runtime}, {turn + 1} of {bench.rounds}")
            out = bench.folder / f"times-{runtime}.json"
            job = {"task": "time", "files": files, "pixels": pictures, "shapes": SHAPES, "runs": _RUNS, "out": str(out)}
            _work(bench, runtime, job)
            for name, each in json.loads(out.read_text(encoding="utf-8")).items():
                times.setdefault((runtime, name), []).append(each)
    return [
        Row(
            subject.name,
            subject.side,
            precision,
            runtime,
            found[runtime, name],
            tuple(median_cost(shape) for shape in zip(*times[runtime, name], strict=True)),
        )
        for name, (subject, precision) in variants.items()
        for runtime in bench.pythons
    ]


def judged(answers: Path, data: TrainingData) -> Found:
    """Return what a file's answers to the validation photos and then the gallery's pictures are worth."""
    photos = len(data.val)
    with np.load(answers) as said:
        likeliest = said["probabilities"][:photos].argmax(axis=1)
        embeddings = said.get("embedding")
    accuracy = float((likeliest == data.val.labels(data.categories)).mean())
    known = np.array([bool(product) for product in data.val.products])
    if embeddings is None or not known.any():
        return Found(accuracy, None)
    products = [product for product in data.val.products if product]
    ranks = product_ranks(embeddings[:photos][known], products, embeddings[photos:], data.gallery.products)
    return Found(accuracy, float((ranks == 0).mean()))


def _written_pixels(subjects: Sequence[Subject], data: TrainingData, folder: Path) -> dict[int, Path]:
    """Write the validation photos and then the gallery's pictures as pixels, once for each size."""
    written = {}
    for side in {subject.side for subject in subjects}:
        written[side] = folder / f"pixels-{side}.npy"
        np.save(written[side], load([*data.val.paths, *data.gallery.paths], side), allow_pickle=False)
    return written


def _work(bench: Bench, runtime: str, job: Mapping[str, object]) -> None:
    file = bench.folder / "job.json"
    file.write_text(json.dumps({**job, "runtime": runtime}), encoding="utf-8")
    argv = [str(bench.pythons[runtime]), str(_WORKER), str(file)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)  # noqa: S603 - our own worker
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise FailedPrecondition(f"{runtime} failed in {bench.pythons[runtime]}: {last}")
