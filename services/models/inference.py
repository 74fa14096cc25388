"""One inference as messages: pixels into a Triton request, an answer into an array, and what no answer may be."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tritonclient.grpc import service_pb2

from services.common.errors import ModelOutputInvalid

INPUT = "pixels"
_FLOAT = np.dtype("<f4")
_UNIT_TOLERANCE = 1e-3


def encode_request(model: str, pixels: NDArray[np.uint8], timeout_seconds: float, outputs: Sequence[str] = ()) -> Any:
    """Return the `inference.ModelInferRequest` for a batch of pictures.

    Args:
        model: name of the model.
        pixels: RGB, uint8 ``(n, height, width, 3)``.
        timeout_seconds: how long the request may wait in Triton's queue, positive; the deadline of the call alone
            would not take it out of there.
        outputs: names of those that are wanted; all of them when empty.
    """
    tensor = service_pb2.ModelInferRequest.InferInputTensor(name=INPUT, datatype="UINT8", shape=pixels.shape)
    wanted = [service_pb2.ModelInferRequest.InferRequestedOutputTensor(name=name) for name in outputs]
    request = service_pb2.ModelInferRequest(
        model_name=model, inputs=[tensor], outputs=wanted, raw_input_contents=[pixels.tobytes()]
    )
    request.parameters["timeout"].int64_param = max(1, round(timeout_seconds * 1e6))
    return request


def decode_response(
    response: Any, model: str, pictures: int, outputs: Sequence[str] = ()
) -> tuple[NDArray[np.float32], ...]:
    """Return the model's outputs as float32 ``(pictures, size)`` each, read-only.

    Args:
        response: the `inference.ModelInferResponse`.
        model: its name, for messages.
        pictures: how many were asked about.
        outputs: names of those that were asked for, in the order that they are wanted in; its only one when empty.

    Raises:
        ModelOutputInvalid: another number of outputs, another type, rank or number of rows, or bytes that don't fit.
    """
    count = len(outputs) or 1
    if len(response.outputs) != count or len(response.raw_output_contents) != count:
        raise ModelOutputInvalid(f"model {model} answered with {len(response.outputs)} outputs instead of {count}")
    found = {
        output.name: _array(output, content, model, pictures)
        for output, content in zip(response.outputs, response.raw_output_contents, strict=True)
    }
    if not outputs:
        return tuple(found.values())
    if found.keys() != set(outputs):
        raise ModelOutputInvalid(f"model {model} answered with {', '.join(found)} instead of {', '.join(outputs)}")
    return tuple(found[name] for name in outputs)


def _array(output: Any, content: bytes, model: str, pictures: int) -> NDArray[np.float32]:
    rows, *sizes = output.shape
    if output.datatype != "FP32" or len(sizes) != 1 or rows != pictures:
        raise ModelOutputInvalid(f"model {model} answered {pictures} pictures with {output.datatype} {output.shape}")
    if len(content) != _FLOAT.itemsize * rows * sizes[0]:
        raise ModelOutputInvalid(f"model {model} sent {len(content)} bytes for float32 {output.shape}")
    return np.frombuffer(content, dtype=_FLOAT).reshape(rows, sizes[0])


def check_embeddings(model: str, embeddings: NDArray[np.float32]) -> None:
    """Refuse vectors ``(n, d)`` that are not of unit length; zeros and NaN never are.

    Raises:
        ModelOutputInvalid: a vector that must not reach an index.
    """
    norms = np.linalg.norm(embeddings, axis=1)
    if not bool(np.all(np.abs(norms - 1.0) <= _UNIT_TOLERANCE)):
        raise ModelOutputInvalid(f"model {model} answered with a vector of length {_worst(norms):.4g} instead of 1")


def check_probabilities(model: str, probabilities: NDArray[np.float32]) -> None:
    """Refuse rows ``(n, c)`` that are no probability distribution; zeros and NaN never are.

    Raises:
        ModelOutputInvalid: a row with a negative entry, or whose sum is not 1.
    """
    sums = probabilities.sum(axis=1)
    if not bool(np.all(np.abs(sums - 1.0) <= _UNIT_TOLERANCE)) or bool(np.any(probabilities < 0)):
        raise ModelOutputInvalid(f"model {model} answered with probabilities that add up to {_worst(sums):.4g}")


def _worst(ones: NDArray[np.float32]) -> float:
    """Return the entry that is farthest from 1, NaN before all others."""
    return float(ones[np.argmax(np.nan_to_num(np.abs(ones - 1.0), nan=np.inf))])
