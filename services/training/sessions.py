"""Runs model files, and proves that a file says what the code that made it says. Needs no torch."""

from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from services.common.cores import available_cores
from services.common.errors import ModelOutputInvalid
from services.training.gathering import Pictures
from services.training.measurements import Parity
from services.training.photos import load

_CHUNK = 256  # pictures decoded at a time


def open_session(path: Path, threads: int) -> onnxruntime.InferenceSession:
    """Load a file for the CPU; `threads` 0 means all cores."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def size_of(path: Path) -> int:
    """Return how many numbers a file answers with, per picture."""
    return int(open_session(path, threads=1).get_outputs()[0].shape[-1])


def run(path: Path, pixels: NDArray[np.uint8], *, batch: int = 32, threads: int = 1) -> NDArray[np.float32]:
    """Run a model file over pixels uint8 [N, H, W, 3], N at least 1, and return its output, float32 [N, D]."""
    session = open_session(path, threads)
    parts = [session.run(None, {"pixels": pixels[at : at + batch]})[0] for at in range(0, len(pixels), batch)]
    return np.concatenate(parts)


def run_over(path: Path, side: int, pictures: Pictures) -> NDArray[np.float32]:
    """Run a model file over picture files on all cores, float32 [N, D]; `side` is that of its input in pixels.

    Raises:
        ImageUnreadable, ImageTooLarge: a picture is no usable one; the message names it.
    """
    chunks = [pictures.paths[start : start + _CHUNK] for start in range(0, len(pictures), _CHUNK)]
    return np.concatenate([run(path, load(chunk, side), threads=available_cores()) for chunk in chunks])


def compare(
    expected: NDArray[np.float32],
    seen: NDArray[np.float32],
    what: str,
    *,
    least_cosine: float,
    largest_difference: float,
) -> Parity:
    """Compare what a file says with what it should say, both float32 [N, D].

    Raises:
        ModelOutputInvalid: a row is farther off than allowed; the message begins with `what`.
    """
    lengths = np.linalg.norm(expected, axis=1) * np.linalg.norm(seen, axis=1)
    cosine = (expected * seen).sum(axis=1) / np.maximum(lengths, np.finfo(np.float32).tiny)
    parity = Parity(float(cosine.min()), float(np.abs(expected - seen).max()))
    if not (parity.least_cosine >= least_cosine and parity.largest_difference <= largest_difference):
        raise ModelOutputInvalid(f"{what} differs from what it was made from: {parity}")
    return parity
