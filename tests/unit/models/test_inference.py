"""Requests and answers as messages."""

from typing import Any

import numpy as np
import pytest
from tritonclient.grpc import service_pb2

from services.common.errors import ModelOutputInvalid
from services.models.inference import check_embeddings, check_probabilities, decode_response, encode_request


def answer(values: Any, *, shape: tuple[int, ...] | None = None, datatype: str = "FP32") -> Any:
    array = np.asarray(values, dtype="<f4")
    output = service_pb2.ModelInferResponse.InferOutputTensor(
        name="embedding", datatype=datatype, shape=array.shape if shape is None else shape
    )
    return service_pb2.ModelInferResponse(outputs=[output], raw_output_contents=[array.tobytes()])


def test_request_carries_pixels_and_queue_timeout() -> None:
    """Pixels go as raw bytes, the timeout in microseconds."""
    pixels = np.arange(2 * 4 * 5 * 3, dtype=np.uint8).reshape(2, 4, 5, 3)
    request = encode_request("embedder", pixels, 0.25)
    assert request.model_name == "embedder"
    assert (request.inputs[0].name, request.inputs[0].datatype) == ("pixels", "UINT8")
    assert list(request.inputs[0].shape) == [2, 4, 5, 3]
    assert request.raw_input_contents[0] == pixels.tobytes()
    assert request.parameters["timeout"].int64_param == 250_000


def test_a_tiny_timeout_is_not_none_at_all() -> None:
    """Zero would mean no timeout to Triton."""
    request = encode_request("embedder", np.zeros((1, 1, 1, 3), np.uint8), 1e-9)
    assert request.parameters["timeout"].int64_param == 1


def test_a_view_of_pixels_is_sent_in_order() -> None:
    """A crop or a mirrored picture is no contiguous memory, but its bytes are those that one sees."""
    picture = np.arange(24, dtype=np.uint8).reshape(1, 2, 4, 3)
    request = encode_request("embedder", picture[:, :, ::-1], 1.0)
    assert request.raw_input_contents[0] == np.ascontiguousarray(picture[:, :, ::-1]).tobytes()


def test_answer_is_read() -> None:
    """Rows and columns are where they belong."""
    [rows] = decode_response(answer([[1, 2, 3], [4, 5, 6]]), "m", 2)
    np.testing.assert_array_equal(rows, [[1, 2, 3], [4, 5, 6]])


def test_several_outputs_are_told_apart_by_name() -> None:
    """Triton sends them in an order of its own."""
    both = answer([[1, 2]])
    other = answer([[3, 4, 5]])
    both.outputs.add(name="probabilities", datatype="FP32", shape=[1, 3])
    both.raw_output_contents.append(other.raw_output_contents[0])
    probabilities, embedding = decode_response(both, "m", 1, ["probabilities", "embedding"])
    np.testing.assert_array_equal(probabilities, [[3, 4, 5]])
    np.testing.assert_array_equal(embedding, [[1, 2]])
    with pytest.raises(
        ModelOutputInvalid, match="m answered with embedding, probabilities instead of embedding, length"
    ):
        decode_response(both, "m", 1, ["embedding", "length"])
    with pytest.raises(ModelOutputInvalid, match="m answered with 2 outputs instead of 1"):
        decode_response(both, "m", 1)


def test_only_the_wanted_outputs_are_asked_for() -> None:
    """All of them, when nothing is said."""
    pixels = np.zeros((1, 1, 1, 3), np.uint8)
    assert [each.name for each in encode_request("m", pixels, 1.0, ["embedding"]).outputs] == ["embedding"]
    assert not encode_request("m", pixels, 1.0).outputs


@pytest.mark.parametrize(
    "response",
    [
        service_pb2.ModelInferResponse(),
        answer([[1, 2]]),
        answer([1, 2]),
        answer([[1, 2], [3, 4]], datatype="INT32"),
        answer([[1, 2], [3, 4]], shape=(2, 3)),
        answer([], shape=(2, 3)),
    ],
    ids=["nothing", "too few rows", "no rows", "integers", "too few bytes", "no bytes"],
)
def test_an_answer_of_another_shape_is_refused(response: Any) -> None:
    """Bytes that don't fit what was asked for never become an array."""
    with pytest.raises(ModelOutputInvalid, match="model m"):
        decode_response(response, "m", 2)


@pytest.mark.parametrize("row", [[0, 0], [np.nan, 1], [np.inf, 1], [2, 0], [0.5, 0.5]])
def test_only_unit_vectors_pass(row: list[float]) -> None:
    """Zeros, NaN and vectors of another length would be wrong hits later."""
    check_embeddings("embedder", np.array([[0.6, 0.8], [1, 0]], np.float32))
    with pytest.raises(ModelOutputInvalid, match="embedder"):
        check_embeddings("embedder", np.array([[0.6, 0.8], row], np.float32))


@pytest.mark.parametrize("row", [[0, 0], [np.nan, 1], [1.5, -0.5], [0.5, 0.4]])
def test_only_distributions_pass(row: list[float]) -> None:
    """Zeros, NaN, negative entries and rows that don't add up would route wrongly."""
    check_probabilities("classifier", np.array([[0.25, 0.75], [1, 0]], np.float32))
    with pytest.raises(ModelOutputInvalid, match="classifier"):
        check_probabilities("classifier", np.array([[0.25, 0.75], row], np.float32))


def test_the_worst_row_is_named() -> None:
    """The message has the figure that one looks for."""
    with pytest.raises(ModelOutputInvalid, match="length nan"):
        check_embeddings("embedder", np.array([[3, 0], [np.nan, 0], [1, 0]], np.float32))
