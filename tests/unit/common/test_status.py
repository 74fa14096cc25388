"""From the wire back to errors, whoever sent them."""

import grpc.aio
import pytest
from google.rpc import error_details_pb2

from services.common.errors import (
    AisleError,
    InvalidArgument,
    NotServing,
    Overloaded,
    ShardNotServed,
    SnapshotMismatch,
    Unavailable,
    Unimplemented,
    VectorInvalid,
)
from services.common.status import Failure, failure_of, from_failure, to_status


def test_a_plain_error_has_its_reason_and_no_more() -> None:
    """Without field and delay there is no BadRequest and no RetryInfo."""
    (detail,) = to_status(ShardNotServed("not here")).details
    info = error_details_pb2.ErrorInfo()
    assert detail.Unpack(info)
    assert (info.domain, info.reason) == ("aisle", "SHARD_NOT_SERVED")


@pytest.mark.parametrize("details", [b"\xff" * 16, b"\x12\x03abc", b"\x1a\x00"])
def test_a_rich_status_that_is_none_leaves_the_plain_one(details: bytes) -> None:
    """Whatever a peer puts there: what it did not say well is not heard, and the call has failed as it says."""
    trailers = grpc.aio.Metadata(("grpc-status-details-bin", details))
    call = grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), trailers, "gone", "")
    assert failure_of(call) == Failure("UNAVAILABLE", "", "gone")


@pytest.mark.parametrize("seconds", [0.0, 0.000001, 0.25, 90.0])
def test_a_delay_keeps_its_length(seconds: float) -> None:
    """Fractions of a second survive."""
    retry = error_details_pb2.RetryInfo()
    assert to_status(Overloaded("busy", retry_after_seconds=seconds)).details[1].Unpack(retry)
    assert retry.retry_delay.ToNanoseconds() == round(seconds * 1e9)


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (Failure("INVALID_ARGUMENT", "VECTOR_INVALID", "m", "query_vectors"), VectorInvalid),
        (Failure("FAILED_PRECONDITION", "SNAPSHOT_MISMATCH", "m"), SnapshotMismatch),
        (Failure("UNAVAILABLE", "NOT_SERVING", "m", "", 1.0), NotServing),
        (Failure("UNAVAILABLE", "", "connection refused"), Unavailable),
        (Failure("UNIMPLEMENTED", "", "no such method"), Unimplemented),
        (Failure("INVALID_ARGUMENT", "FROM_A_NEWER_RELEASE", "m"), InvalidArgument),
        (Failure("UNAVAILABLE", "VECTOR_INVALID", "a reason that contradicts its code"), Unavailable),
    ],
)
def test_a_failure_becomes_the_error_of_its_reason_or_else_of_its_code(
    failure: Failure, expected: type[AisleError]
) -> None:
    """Callers can catch classes, also when a proxy or a newer release failed the call."""
    error = from_failure(failure)

    assert type(error) is expected
    assert (error.message, error.field) == (failure.message, failure.field)
    assert error.retry_after_seconds == failure.retry_after_seconds


def test_a_code_that_is_not_ours_stays_in_the_message() -> None:
    """DATA_LOSS is no error of ours; it becomes INTERNAL and says what it was."""
    error = from_failure(Failure("DATA_LOSS", "", "bytes are gone"))
    assert error.code == "INTERNAL"
    assert error.message == "DATA_LOSS: bytes are gone"
