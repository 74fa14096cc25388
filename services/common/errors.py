"""The error tree: each class is one gRPC status code and one reason that a program can act on.

    AisleError
    ├── InvalidArgument            INVALID_ARGUMENT      the request is wrong; `field` says where
    │   ├── ImageUnreadable        IMAGE_UNREADABLE      no bytes, no picture, or a truncated one
    │   ├── RegionInvalid          REGION_INVALID        a box outside the picture or without area
    │   ├── UnknownCategory        UNKNOWN_CATEGORY      a category that the snapshot lacks
    │   ├── FilterInvalid          FILTER_INVALID        an attribute, value, range or size of a filter
    │   ├── VectorInvalid          VECTOR_INVALID        bytes, shape or numbers of a query vector
    │   ├── CatalogueInvalid       CATALOGUE_INVALID     a row of a catalogue or of labelled photos
    │   └── SettingsInvalid        SETTINGS_INVALID      a setting of a process
    ├── NotFound                   NOT_FOUND
    │   ├── ShardNotServed         SHARD_NOT_SERVED      another searcher has it
    │   ├── SnapshotNotFound       SNAPSHOT_NOT_FOUND    nothing was published there yet
    │   └── DatasetUnavailable     DATASET_UNAVAILABLE   a public dataset that can't be found or fetched
    ├── FailedPrecondition         FAILED_PRECONDITION   right request, wrong state
    │   ├── SnapshotMismatch       SNAPSHOT_MISMATCH     the caller planned with another snapshot
    │   ├── SpaceMismatch          SPACE_MISMATCH        vectors of another embedder
    │   ├── SnapshotInvalid        SNAPSHOT_INVALID      a file is damaged, missing or of another schema
    │   ├── Overtaken              OVERTAKEN             another snapshot has become current meanwhile
    │   ├── PolicyUnavailable      POLICY_UNAVAILABLE    the snapshot lacks what the policy needs
    │   └── CoverageTooLow         COVERAGE_TOO_LOW      less was found than the caller asked for at least
    ├── Unauthenticated            UNAUTHENTICATED       nobody that may call, as far as can be told
    ├── PermissionDenied           PERMISSION_DENIED     somebody who may call, but not this
    ├── ResourceExhausted          RESOURCE_EXHAUSTED
    │   ├── ImageTooLarge          IMAGE_TOO_LARGE       bytes or pixels over the limit
    │   ├── Overloaded             OVERLOADED            come back after `retry_after_seconds`
    │   └── RateLimited            RATE_LIMITED          the caller's own limit; come back then, too
    ├── DeadlineExceeded           DEADLINE_EXCEEDED
    ├── Unimplemented              UNIMPLEMENTED         a call that this release does not know
    ├── Unavailable                UNAVAILABLE
    │   ├── NotServing             NOT_SERVING           loading or draining
    │   └── ModelUnavailable       MODEL_UNAVAILABLE     Triton can't be reached or has no such model
    └── Internal                   INTERNAL              a defect; the text stays in the log
        └── ModelOutputInvalid     MODEL_OUTPUT_INVALID  a model answered with what can't be an answer

This module knows no gRPC; `services.common.status` puts these errors on the wire and takes them off it.
"""

from collections.abc import Sequence
from typing import ClassVar


class AisleError(Exception):
    """Base of everything that Aisle refuses or fails with on purpose.

    Attributes:
        code: name of the gRPC status code.
        reason: UPPER_SNAKE_CASE cause, stable for programs.
        field: the request field, setting or column at fault; empty when there is none.
        retry_after_seconds: when it is worth coming back; None when that is not known.
        details: protobuf messages that go along with the status, or came along with it as `Any`.
        says_load: of too much work or too little time: whether others than this very request are the reason.
        request_id: at a caller, of the request that it ended; in the error's text, too. Empty where there was none.
    """

    code: ClassVar[str] = "INTERNAL"
    reason: ClassVar[str] = "INTERNAL"

    def __init__(self, message: str, *, field: str = "", retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.retry_after_seconds = retry_after_seconds
        self.details: Sequence[object] = ()
        self.says_load = True
        self.request_id = ""

    def __str__(self) -> str:
        return f"{self.message} (request {self.request_id})" if self.request_id else self.message


class InvalidArgument(AisleError):
    """The request is wrong and stays wrong: mend it, don't retry it."""

    code = "INVALID_ARGUMENT"
    reason = "INVALID_ARGUMENT"


class ImageUnreadable(InvalidArgument):
    """No bytes, no picture that we know, or a truncated one."""

    reason = "IMAGE_UNREADABLE"


class RegionInvalid(InvalidArgument):
    """A region outside the picture or without area."""

    reason = "REGION_INVALID"


class UnknownCategory(InvalidArgument):
    """A category that the snapshot lacks."""

    reason = "UNKNOWN_CATEGORY"


class FilterInvalid(InvalidArgument):
    """A filter that can't be asked of the snapshot: an unknown attribute, another type, an empty range, too much."""

    reason = "FILTER_INVALID"


class VectorInvalid(InvalidArgument):
    """Query vectors whose bytes, shape or numbers can't be searched with."""

    reason = "VECTOR_INVALID"


class CatalogueInvalid(InvalidArgument):
    """A catalogue or a table of labelled photos that can't be used; the message names the row."""

    reason = "CATALOGUE_INVALID"


class SettingsInvalid(InvalidArgument):
    """A process can't start with these settings."""

    reason = "SETTINGS_INVALID"


class NotFound(AisleError):
    """What was asked for is not here."""

    code = "NOT_FOUND"
    reason = "NOT_FOUND"


class ShardNotServed(NotFound):
    """This searcher does not serve the shard."""

    reason = "SHARD_NOT_SERVED"


class SnapshotNotFound(NotFound):
    """There is no such snapshot, or none was published yet."""

    reason = "SNAPSHOT_NOT_FOUND"


class DatasetUnavailable(NotFound):
    """A public dataset that can't be found or fetched, or whose files are damaged; the message says what to do."""

    reason = "DATASET_UNAVAILABLE"


class FailedPrecondition(AisleError):
    """The request is right, but not in this state of the system."""

    code = "FAILED_PRECONDITION"
    reason = "FAILED_PRECONDITION"


class SnapshotMismatch(FailedPrecondition):
    """The caller planned with another snapshot than the one served."""

    reason = "SNAPSHOT_MISMATCH"


class SpaceMismatch(FailedPrecondition):
    """Vectors of one embedder met an index of another."""

    reason = "SPACE_MISMATCH"


class SnapshotInvalid(FailedPrecondition):
    """A snapshot that is damaged, incomplete or of an unknown schema; the message names the file."""

    reason = "SNAPSHOT_INVALID"


class Overtaken(FailedPrecondition):
    """What was to be published began from a snapshot that is not the current one any more: somebody was faster."""

    reason = "OVERTAKEN"


class PolicyUnavailable(FailedPrecondition):
    """The snapshot lacks what the routing policy needs."""

    reason = "POLICY_UNAVAILABLE"


class CoverageTooLow(FailedPrecondition):
    """The answer would cover less than the caller's minimum.

    Not UNAVAILABLE, which is retried at once: a missing shard must not multiply the searches of all the others.

    Attributes:
        found: what was found all the same: the gateway's `Answer`, and at the client a `SearchResult` with at most ten
            hits; None when that is not known.
    """

    reason = "COVERAGE_TOO_LOW"
    found: object = None


class Unauthenticated(AisleError):
    """Nobody that may call, as far as can be told: no token or certificate, or one that is not known."""

    code = "UNAUTHENTICATED"
    reason = "UNAUTHENTICATED"


class PermissionDenied(AisleError):
    """The caller is known, but lacks the right."""

    code = "PERMISSION_DENIED"
    reason = "PERMISSION_DENIED"


class ResourceExhausted(AisleError):
    """A limit was reached."""

    code = "RESOURCE_EXHAUSTED"
    reason = "RESOURCE_EXHAUSTED"


class ImageTooLarge(ResourceExhausted):
    """A photo over the limit of bytes or pixels."""

    reason = "IMAGE_TOO_LARGE"


class Overloaded(ResourceExhausted):
    """Refused now so that others are answered in time."""

    reason = "OVERLOADED"


class RateLimited(ResourceExhausted):
    """The caller has called more often than it may."""

    reason = "RATE_LIMITED"


class DeadlineExceeded(AisleError):
    """The time left was not enough.

    Attributes:
        said_by_callee: at a caller, whether the process that was called said so itself: it is not lost, then.
    """

    code = "DEADLINE_EXCEEDED"
    reason = "DEADLINE_EXCEEDED"
    said_by_callee = False


class Unimplemented(AisleError):
    """A call that the other's release does not know."""

    code = "UNIMPLEMENTED"
    reason = "UNIMPLEMENTED"


class Unavailable(AisleError):
    """Not now; the same request may go through later or elsewhere."""

    code = "UNAVAILABLE"
    reason = "UNAVAILABLE"


class NotServing(Unavailable):
    """Loading or draining."""

    reason = "NOT_SERVING"


class ModelUnavailable(Unavailable):
    """Triton can't be reached, or does not have the model ready."""

    reason = "MODEL_UNAVAILABLE"


class Internal(AisleError):
    """A defect of ours."""

    code = "INTERNAL"
    reason = "INTERNAL"


class ModelOutputInvalid(Internal):
    """A model's output can't be right: wrong shape, not finite, not of unit length."""

    reason = "MODEL_OUTPUT_INVALID"


def reasons(root: type[AisleError] = AisleError) -> frozenset[str]:
    """Return the reasons of a part of the tree."""
    return frozenset({root.reason}).union(*(reasons(below) for below in root.__subclasses__()))
