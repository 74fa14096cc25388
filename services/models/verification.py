"""The golden check: a running Triton must give the known answers to the known picture, or it must not serve."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from services.common.errors import FailedPrecondition, ModelOutputInvalid
from services.models.client import TritonModels
from services.models.golden import golden_picture
from services.models.metadata import OUTPUTS
from services.models.repository import GoldenAnswer, RepositoryModel

_TIMEOUT_SECONDS = 10.0
_NUMPY_2 = "Triton's Python environment has numpy 2, which its stub can't read: it must be numpy 1.26"
_WRONG_FILE = "the model file, its preprocessing or the golden answer was changed without the others"


async def verify_models(models: Iterable[RepositoryModel], triton: TritonModels) -> None:
    """Send the golden picture to every model and compare the answers.

    Raises:
        FailedPrecondition: a wrong answer, or Triton serves another model than the repository has.
        Unavailable, DeadlineExceeded, Internal: no answer.
    """
    for model in models:
        info = model.info
        served = await triton.describe(info.name)
        if served != info:
            raise FailedPrecondition(
                f"model {info.name}: Triton serves {served.version} ({served.sha256}), "
                f"the repository has {info.version} ({info.sha256})"
            )
        pixels = golden_picture(info.input_height, info.input_width)[np.newaxis]
        try:
            outputs = [OUTPUTS[info.name]] if info.joined else ()
            [output] = await triton.infer(info.served_by, pixels, _TIMEOUT_SECONDS, outputs)
        except ModelOutputInvalid as error:
            raise FailedPrecondition(f"{error.message}; likely cause: {_NUMPY_2}") from error
        compare_to_golden(info.name, output[0], model.golden)


def compare_to_golden(model: str, output: NDArray[np.float32], golden: GoldenAnswer) -> None:
    """Refuse an answer to the golden picture that is not the known one.

    Args:
        model: its name, for the message.
        output: float32 ``(size,)``.
        golden: the known answer.

    Raises:
        FailedPrecondition: with the figures and the likely cause.
    """
    if output.shape != golden.output.shape:
        raise FailedPrecondition(f"model {model}: answered {output.shape} numbers, known are {golden.output.shape}")
    difference = float(np.max(np.abs(output - golden.output)))
    length = float(np.linalg.norm(output) * np.linalg.norm(golden.output))
    cosine = float(output @ golden.output) / length if length > 0 else 0.0
    # Written so that NaN fails, too.
    if difference <= golden.tolerance and cosine >= 1.0 - golden.tolerance:
        return
    cause = _NUMPY_2 if not np.any(output) else _WRONG_FILE
    raise FailedPrecondition(
        f"model {model}: wrong answer to the golden picture: largest difference {difference:.3g} "
        f"(tolerance {golden.tolerance:g}), cosine {cosine:.6f}; likely cause: {cause}"
    )
