"""What a failed call to Triton means."""

import grpc
import pytest

from services.common.errors import (
    AisleError,
    DeadlineExceeded,
    FailedPrecondition,
    Internal,
    ModelUnavailable,
    Overloaded,
    ResourceExhausted,
)
from services.models.client import failure_of


@pytest.mark.parametrize(
    ("code", "details", "expected"),
    [
        (grpc.StatusCode.UNAVAILABLE, "failed to connect to all addresses", ModelUnavailable),
        (grpc.StatusCode.UNAVAILABLE, "[request id: <id_unknown>] Exceeds maximum queue size", Overloaded),
        (grpc.StatusCode.UNAVAILABLE, "Request timeout expired", DeadlineExceeded),
        (grpc.StatusCode.NOT_FOUND, "Request for unknown model: 'embedder' is not found", ModelUnavailable),
        (grpc.StatusCode.CANCELLED, "Channel closed!", ModelUnavailable),
        (grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded", DeadlineExceeded),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "Received message larger than max", ResourceExhausted),
        (grpc.StatusCode.INVALID_ARGUMENT, "unexpected shape for input 'pixels'", FailedPrecondition),
        (grpc.StatusCode.INTERNAL, "onnxruntime: no", Internal),
        (grpc.StatusCode.UNKNOWN, "", Internal),
    ],
)
def test_every_code_has_its_error(code: grpc.StatusCode, details: str, expected: type[AisleError]) -> None:
    """The class is exact, for the gateway decides by it; the message names model and server."""
    error = failure_of(code, details, "embedder", "127.0.0.1:8001")
    assert type(error) is expected
    assert error.message == f"model embedder at 127.0.0.1:8001: {details}"
