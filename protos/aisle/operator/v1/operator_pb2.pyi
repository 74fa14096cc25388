import datetime

from aisle.search.v1 import search_pb2 as _search_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ReplicaState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REPLICA_STATE_UNSPECIFIED: _ClassVar[ReplicaState]
    REPLICA_STATE_READY: _ClassVar[ReplicaState]
    REPLICA_STATE_NOT_READY: _ClassVar[ReplicaState]
    REPLICA_STATE_PASSED_OVER: _ClassVar[ReplicaState]
REPLICA_STATE_UNSPECIFIED: ReplicaState
REPLICA_STATE_READY: ReplicaState
REPLICA_STATE_NOT_READY: ReplicaState
REPLICA_STATE_PASSED_OVER: ReplicaState

class GetStatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Replica(_message.Message):
    __slots__ = ("address", "state", "in_flight", "snapshot_ids", "problem")
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_IDS_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    address: str
    state: ReplicaState
    in_flight: int
    snapshot_ids: _containers.RepeatedScalarFieldContainer[str]
    problem: str
    def __init__(self, address: _Optional[str] = ..., state: _Optional[_Union[ReplicaState, str]] = ..., in_flight: _Optional[int] = ..., snapshot_ids: _Optional[_Iterable[str]] = ..., problem: _Optional[str] = ...) -> None: ...

class Shard(_message.Message):
    __slots__ = ("slug", "category", "addresses")
    SLUG_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    slug: str
    category: str
    addresses: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, slug: _Optional[str] = ..., category: _Optional[str] = ..., addresses: _Optional[_Iterable[str]] = ...) -> None: ...

class RungCount(_message.Message):
    __slots__ = ("rung", "answers")
    RUNG_FIELD_NUMBER: _ClassVar[int]
    ANSWERS_FIELD_NUMBER: _ClassVar[int]
    rung: _search_pb2.Rung
    answers: int
    def __init__(self, rung: _Optional[_Union[_search_pb2.Rung, str]] = ..., answers: _Optional[int] = ...) -> None: ...

class RecentAnswers(_message.Message):
    __slots__ = ("period", "answers", "partial", "errors", "mean_coverage", "rungs")
    PERIOD_FIELD_NUMBER: _ClassVar[int]
    ANSWERS_FIELD_NUMBER: _ClassVar[int]
    PARTIAL_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    MEAN_COVERAGE_FIELD_NUMBER: _ClassVar[int]
    RUNGS_FIELD_NUMBER: _ClassVar[int]
    period: _duration_pb2.Duration
    answers: int
    partial: int
    errors: int
    mean_coverage: float
    rungs: _containers.RepeatedCompositeFieldContainer[RungCount]
    def __init__(self, period: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., answers: _Optional[int] = ..., partial: _Optional[int] = ..., errors: _Optional[int] = ..., mean_coverage: _Optional[float] = ..., rungs: _Optional[_Iterable[_Union[RungCount, _Mapping]]] = ...) -> None: ...

class GetStatusResponse(_message.Message):
    __slots__ = ("snapshot_id", "published_snapshot_id", "models", "tritons", "searchers", "shards", "rung", "in_flight", "in_flight_limit", "waiting", "recent")
    SNAPSHOT_ID_FIELD_NUMBER: _ClassVar[int]
    PUBLISHED_SNAPSHOT_ID_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    TRITONS_FIELD_NUMBER: _ClassVar[int]
    SEARCHERS_FIELD_NUMBER: _ClassVar[int]
    SHARDS_FIELD_NUMBER: _ClassVar[int]
    RUNG_FIELD_NUMBER: _ClassVar[int]
    IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    IN_FLIGHT_LIMIT_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    RECENT_FIELD_NUMBER: _ClassVar[int]
    snapshot_id: str
    published_snapshot_id: str
    models: _containers.RepeatedCompositeFieldContainer[_search_pb2.ModelVersion]
    tritons: _containers.RepeatedCompositeFieldContainer[Replica]
    searchers: _containers.RepeatedCompositeFieldContainer[Replica]
    shards: _containers.RepeatedCompositeFieldContainer[Shard]
    rung: _search_pb2.Rung
    in_flight: int
    in_flight_limit: int
    waiting: int
    recent: RecentAnswers
    def __init__(self, snapshot_id: _Optional[str] = ..., published_snapshot_id: _Optional[str] = ..., models: _Optional[_Iterable[_Union[_search_pb2.ModelVersion, _Mapping]]] = ..., tritons: _Optional[_Iterable[_Union[Replica, _Mapping]]] = ..., searchers: _Optional[_Iterable[_Union[Replica, _Mapping]]] = ..., shards: _Optional[_Iterable[_Union[Shard, _Mapping]]] = ..., rung: _Optional[_Union[_search_pb2.Rung, str]] = ..., in_flight: _Optional[int] = ..., in_flight_limit: _Optional[int] = ..., waiting: _Optional[int] = ..., recent: _Optional[_Union[RecentAnswers, _Mapping]] = ...) -> None: ...
