"""Reads model files as ONNX graphs: a digest says that a file is the one that was meant, not that it is a model."""

from pathlib import Path

import onnx
from google.protobuf.message import DecodeError
from onnx import ModelProto

from services.common.errors import FailedPrecondition


def read_graph(file: Path) -> ModelProto:
    """Return the model of a file.

    Raises:
        FailedPrecondition: the file is no ONNX model, or one that contradicts itself.
    """
    try:
        model = onnx.load(str(file))
        onnx.checker.check_model(model)
    except (DecodeError, onnx.checker.ValidationError) as error:
        first_line = str(error).partition("\n")[0]
        raise FailedPrecondition(f"{file} is no ONNX model that can be used: {first_line}") from None
    return model
