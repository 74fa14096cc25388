"""ONNX Runtime in this process, as Triton's backend (`services/models/triton_backend`) runs it."""

from importlib.metadata import distributions, version
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from google.protobuf import text_format
from numpy.typing import NDArray
from tritonclient.grpc import model_config_pb2

from services.common.errors import FailedPrecondition
from services.photo.intake import Pixels

_PACKAGE = "onnxruntime"


def open_model(folder: Path) -> Any:
    """Open the highest version of a repository's model, as its configuration has Triton open it."""
    config = text_format.Parse((folder / "config.pbtxt").read_text(), model_config_pb2.ModelConfig())
    parameters = {key: parameter.string_value for key, parameter in config.parameters.items()}
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(parameters.get("intra_op_thread_count", 1))
    options.inter_op_num_threads = int(parameters.get("inter_op_thread_count", 1))
    options.enable_mem_pattern = parameters.get("enable_mem_pattern") != "0"
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    file = max(folder.glob("*/model.onnx"), key=lambda path: int(path.parent.name))
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


def run(model: Any, pixels: Pixels) -> NDArray[np.float32]:
    """Return what a model says about pixels uint8 `(n, height, width, 3)`, float32 `(n, size)`."""
    output: NDArray[np.float32] = model.run(None, {"pixels": pixels})[0]
    return output


def same_version(triton_environment: Path) -> str:
    """Return the version of ONNX Runtime, which is that of Triton's environment, too.

    Raises:
        FailedPrecondition: Triton would run the models with another one, so times could not be compared.
    """
    ours = version(_PACKAGE)
    folders = [str(folder) for folder in triton_environment.glob("lib/python3*/site-packages")]
    theirs = {package.version for package in distributions(name=_PACKAGE, path=folders)}
    if theirs != {ours}:
        raise FailedPrecondition(
            f"{_PACKAGE} is {ours} here and {', '.join(theirs) or 'missing'} in {triton_environment}: "
            "the limit would be another runtime's; pin the same version in both"
        )
    return ours
