"""The command line of the curve, and its report."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from services.benchmarks.inference.curve import Bench, curve
from services.benchmarks.inference.subjects import classifier, networks, training_data
from services.benchmarks.inference.variants import SHAPES, table
from services.common.errors import AisleError
from services.datasets.labelled import read_dataset
from services.evaluation.machine import this_machine
from services.models.metadata import CLASSIFIER
from services.models.repository import read_repository
from services.training.base import read_base

_SIDES = (160, 192, 224)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure the curve; exit status 0 when it ran, 1 when it could not."""
    given = _parser().parse_args(argv)
    say = partial(print, flush=True, file=sys.stderr)
    try:
        base, data = read_base(given.models), training_data(read_dataset(given.dataset), given.photos)
        subjects = networks(base, data, given.sides, given.out, say)
        infos = {model.info.name: model.info for model in read_repository(given.models)}
        own = infos.get(CLASSIFIER)
        if own is not None and set(own.labels) == set(data.categories):
            file = given.models / CLASSIFIER / "1" / "model.onnx"
            subjects.append(classifier(file, own.input_height, data, given.out / CLASSIFIER))
        pythons = {"onnxruntime": Path(sys.executable)}
        if given.openvino is not None:
            pythons["openvino"] = given.openvino
        rows = curve(subjects, data, Bench(pythons, given.rounds, given.out, say))
    except AisleError as error:
        print(error.message, file=sys.stderr)  # noqa: T201
        return 1
    report = {"machine": this_machine().model_dump(), "shapes": SHAPES, "rows": [asdict(row) for row in rows]}
    (given.out / "report.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(table(rows))  # noqa: T201
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m services.benchmarks.inference", description=__doc__)
    parser.add_argument("dataset", type=Path, help="a dataset folder with labelled photos in `train`")
    parser.add_argument("--models", type=Path, default=Path("model_repository"), help="model repository")
    parser.add_argument("--openvino", type=Path, help="Python of an environment with onnxruntime-openvino")
    parser.add_argument(
        "--sides", type=int, nargs="*", default=_SIDES, help="input sizes of the network, pixels; none for none"
    )
    parser.add_argument("--photos", type=int, default=3_000, help="photos that each head is fitted to, at most")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each runtime")
    parser.add_argument("--out", type=Path, default=Path("build/bench-inference"), help="where everything is made")
    return parser


if __name__ == "__main__":
    sys.exit(main())
