"""Errors on the wire: from `AisleError` to `google.rpc.Status` and back to a readable form."""

from dataclasses import dataclass
from typing import Any, TypeVar

from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import DecodeError
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from services.common.errors import (
    AisleError,
    DeadlineExceeded,
    FailedPrecondition,
    Internal,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    Unauthenticated,
    Unavailable,
    Unimplemented,
)

T = TypeVar("T")

DOMAIN = "aisle"
_MOST_TEXT_BYTES = 500
_DETAILS_KEY = "grpc-status-details-bin"

# What a failure becomes when its reason is not one of ours: a proxy's, or a newer release's.
_BY_CODE: dict[str, type[AisleError]] = {
    known.code: known
    for known in (
        InvalidArgument,
        NotFound,
        FailedPrecondition,
        Unauthenticated,
        PermissionDenied,
        ResourceExhausted,
        DeadlineExceeded,
        Unimplemented,
        Unavailable,
    )
}


@dataclass(frozen=True, slots=True)
class Failure:
    """What a failed call said.

    Attributes:
        code: name of the gRPC status code.
        reason: from `ErrorInfo`; empty when a peer that is not Aisle failed the call.
        message: what is wrong, for people.
        field: from `BadRequest`; empty when there is none.
        retry_after_seconds: from `RetryInfo`; None when there is none.
        details: what else came along, packed.
    """

    code: str
    reason: str
    message: str
    field: str = ""
    retry_after_seconds: float | None = None
    details: tuple[any_pb2.Any, ...] = ()


def wire_text(error: AisleError) -> str:
    """Return the error's message, cut to what trailers can hold.

    They carry it three times: percent-encoded (up to three bytes for one), in the status and in `BadRequest`. gRPC
    refuses trailers at random from 8,192 bytes on (`grpc.max_metadata_size`, a soft limit) and all from 16,384.
    """
    encoded = error.message.encode()
    if len(encoded) <= _MOST_TEXT_BYTES:
        return error.message
    return encoded[: _MOST_TEXT_BYTES - len("…".encode())].decode(errors="ignore") + "…"


def to_status(error: AisleError) -> status_pb2.Status:
    """Return the rich status of an error: `ErrorInfo`, `BadRequest` and `RetryInfo` where they apply, its details."""
    details = [_pack(error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN))]
    if error.field:
        violation = error_details_pb2.BadRequest.FieldViolation(
            field=error.field, description=wire_text(error), reason=error.reason
        )
        details.append(_pack(error_details_pb2.BadRequest(field_violations=[violation])))
    if error.retry_after_seconds is not None:
        delay = duration_pb2.Duration()
        delay.FromNanoseconds(round(error.retry_after_seconds * 1e9))
        details.append(_pack(error_details_pb2.RetryInfo(retry_delay=delay)))
    details += [_pack(detail) for detail in error.details]
    code = code_pb2.Code.Value(error.code)
    return status_pb2.Status(code=code, message=wire_text(error), details=details)


def trailing_metadata(error: AisleError) -> tuple[tuple[str, bytes], ...]:
    """Return the trailers that carry the rich status (grpc.aio has no `abort_with_status`)."""
    return ((_DETAILS_KEY, to_status(error).SerializeToString()),)


def failure_of(call: Any) -> Failure:
    """Return what a failed call said, whether its status is rich or plain.

    Args:
        call: a `grpc.Call` or a `grpc.aio.AioRpcError`, which share these methods but no base.
    """
    code = call.code()
    failure = Failure(code=code.name, reason="", message=call.details() or code.name)
    try:
        return _rich(failure, rpc_status.from_call(call))
    except (ValueError, DecodeError):  # a rich part that contradicts the plain one, or is no message, is not ours
        return failure


def _rich(failure: Failure, status: Any) -> Failure:
    """Return a failure with what its rich status says, None for none."""
    if status is None:
        return failure
    reason, field, retry_after_seconds, others = "", "", None, list[any_pb2.Any]()
    for detail in status.details:
        if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
            info = error_details_pb2.ErrorInfo()
            detail.Unpack(info)
            reason = info.reason
        elif detail.Is(error_details_pb2.BadRequest.DESCRIPTOR):
            bad_request = error_details_pb2.BadRequest()
            detail.Unpack(bad_request)
            field = bad_request.field_violations[0].field if bad_request.field_violations else ""
        elif detail.Is(error_details_pb2.RetryInfo.DESCRIPTOR):
            retry = error_details_pb2.RetryInfo()
            detail.Unpack(retry)
            retry_after_seconds = retry.retry_delay.ToNanoseconds() / 1e9
        else:
            others.append(detail)
    return Failure(failure.code, reason, status.message, field, retry_after_seconds, tuple(others))


def from_failure(failure: Failure) -> AisleError:
    """Return the error that a caller raises: the class of the reason, else that of the code, else `Internal`."""
    by_reason = _classes_by_reason(AisleError).get(failure.reason)
    if by_reason is not None and by_reason.code == failure.code:
        cls = by_reason
    else:
        cls = _BY_CODE.get(failure.code, Internal)
    message = failure.message if cls.code == failure.code else f"{failure.code}: {failure.message}"
    error = cls(message, field=failure.field, retry_after_seconds=failure.retry_after_seconds)
    error.details = failure.details
    return error


def received(answer: T | None, whose: str) -> T:
    """Return what a call that succeeded was answered with.

    Raises:
        Internal: bytes that are no message, of which gRPC makes None; `whose` they are is in the text.
    """
    if answer is None:
        raise Internal(f"{whose} answered with bytes that are no message")
    return answer


def _classes_by_reason(root: type[AisleError]) -> dict[str, type[AisleError]]:
    found = {root.reason: root}
    for below in root.__subclasses__():
        found |= _classes_by_reason(below)
    return found


def _pack(message: Any) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed
