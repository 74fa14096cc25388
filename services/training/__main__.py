"""`python -m services.training`: make the training photos and the frozen embedder that `aisle fit` starts from."""

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from services.common.errors import AisleError
from services.datasets import fashion_mnist
from services.datasets.labelled import read_dataset

TRAINING_PHOTOS = fashion_mnist.FashionOptions(
    split="train", products=2000, queries=300, train_photos=30_000, val_photos=1500, seed=7
)
"""What the committed models were fitted to: everything from the training split."""


def main(argv: Sequence[str]) -> int:
    """Run one command and return the exit status."""
    arguments = _parser().parse_args(argv)
    command = shlex.join(("python", "-m", "services.training", *argv))
    try:
        if arguments.command == "photos":
            fashion_mnist.prepare(arguments.out, arguments.cache, TRAINING_PHOTOS)
        else:
            _make(arguments, command)
    except AisleError as error:
        _log(error.message)
        return 1
    return 0


def _make(arguments: argparse.Namespace, command: str) -> None:
    from services.training import jobs  # noqa: PLC0415 - torch, which only this command needs

    datasets = [read_dataset(folder) for folder in arguments.dataset]
    pairs = (pair.rpartition(":") for pair in arguments.validate)
    validation = [jobs.Validation(read_dataset(Path(folder)), table) for folder, _, table in pairs]
    _log(f"written: {jobs.make_embedder(datasets, validation, arguments.out, command=command, log=_log)}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m services.training", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    photos = commands.add_parser("photos", help="photograph Fashion-MNIST's training split with the camera model")
    photos.add_argument("--out", type=Path, required=True, help="dataset folder to make")
    photos.add_argument("--cache", type=Path, default=Path("build/cache"), help="where downloads are kept")
    embedder = commands.add_parser("embedder", help="fit the projection and write the embedder")
    embedder.add_argument(
        "--validate", action="append", required=True, metavar="FOLDER:TABLE", help="photos for the card's figures"
    )
    embedder.add_argument("--dataset", type=Path, action="append", required=True, help="dataset folder with train.csv")
    embedder.add_argument("--out", type=Path, default=Path("model_repository"), help="model repository")
    return parser


def _log(text: str) -> None:
    sys.stderr.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
