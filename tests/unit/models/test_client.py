"""What a failed call to Triton means."""

import grpc
import pytest

from services.common.errors import (
    AisleError,
    DeadlineExceeded,
    Internal,
    ModelUnavailable,
    Overloaded,
    ResourceExhausted,
)
from services.models.client import error_of


@pytest.mark.parametrize(
    ("code", "details", "expected"),
    [
        (grpc.StatusCode.UNAVAILABLE, "failed to connect to all addresses; 127.0.0.1:8001", ModelUnavailable),
        (grpc.StatusCode.UNAVAILABLE, "[request id: <id_unknown>] Exceeds maximum queue size", Overloaded),
        (grpc.StatusCode.UNAVAILABLE, "Request timeout expired", DeadlineExceeded),
        (grpc.StatusCode.NOT_FOUND, "Request for unknown model: 'embedder' is not found", ModelUnavailable),
        (grpc.StatusCode.CANCELLED, "Channel closed!", ModelUnavailable),
        (grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded", DeadlineExceeded),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "Received message larger than max", ResourceExhausted),
        (grpc.StatusCode.INVALID_ARGUMENT, "unexpected shape for input 'pixels'", Internal),
        (grpc.StatusCode.INTERNAL, "onnxruntime: no", Internal),
        (grpc.StatusCode.UNKNOWN, "??", Internal),
    ],
)
def test_every_code_has_its_error(code: grpc.StatusCode, details: str, expected: type[AisleError]) -> None:
    """The class is exact, for the gateway decides by it; its text names the model and repeats no word of Triton's."""
    error = error_of(code, details, "embedder")
    assert type(error) is expected
    assert "model embedder" in error.message
    assert details not in error.message
    assert "127.0.0.1" not in error.message


def test_a_full_queue_says_when_to_come_back() -> None:
    """A tenth of a second later there is room; other failures don't know when they are over."""
    full = error_of(grpc.StatusCode.UNAVAILABLE, "Exceeds maximum queue size", "embedder")
    assert full.retry_after_seconds == 0.1
    assert error_of(grpc.StatusCode.UNAVAILABLE, "gone", "embedder").retry_after_seconds is None
