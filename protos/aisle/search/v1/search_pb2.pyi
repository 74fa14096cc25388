import datetime

from aisle.filter.v1 import filter_pb2 as _filter_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Policy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    POLICY_UNSPECIFIED: _ClassVar[Policy]
    POLICY_TOP_1: _ClassVar[Policy]
    POLICY_TOP_P: _ClassVar[Policy]
    POLICY_ALL: _ClassVar[Policy]
    POLICY_BASELINE: _ClassVar[Policy]
    POLICY_ADAPTIVE: _ClassVar[Policy]

class Criticality(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CRITICALITY_UNSPECIFIED: _ClassVar[Criticality]
    CRITICALITY_INTERACTIVE: _ClassVar[Criticality]
    CRITICALITY_BATCH: _ClassVar[Criticality]

class ShardState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SHARD_STATE_UNSPECIFIED: _ClassVar[ShardState]
    SHARD_STATE_ANSWERED: _ClassVar[ShardState]
    SHARD_STATE_HEDGED: _ClassVar[ShardState]
    SHARD_STATE_LATE: _ClassVar[ShardState]
    SHARD_STATE_FAILED: _ClassVar[ShardState]
    SHARD_STATE_SKIPPED: _ClassVar[ShardState]

class Rung(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RUNG_UNSPECIFIED: _ClassVar[Rung]
    RUNG_FULL: _ClassVar[Rung]
    RUNG_NO_CLASSIFIER: _ClassVar[Rung]
    RUNG_NO_EXTRAS: _ClassVar[Rung]
    RUNG_FEWER_SHARDS: _ClassVar[Rung]
    RUNG_COARSE: _ClassVar[Rung]

class Verdict(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VERDICT_UNSPECIFIED: _ClassVar[Verdict]
    VERDICT_MATCH: _ClassVar[Verdict]
    VERDICT_NO_GOOD_MATCH: _ClassVar[Verdict]
POLICY_UNSPECIFIED: Policy
POLICY_TOP_1: Policy
POLICY_TOP_P: Policy
POLICY_ALL: Policy
POLICY_BASELINE: Policy
POLICY_ADAPTIVE: Policy
CRITICALITY_UNSPECIFIED: Criticality
CRITICALITY_INTERACTIVE: Criticality
CRITICALITY_BATCH: Criticality
SHARD_STATE_UNSPECIFIED: ShardState
SHARD_STATE_ANSWERED: ShardState
SHARD_STATE_HEDGED: ShardState
SHARD_STATE_LATE: ShardState
SHARD_STATE_FAILED: ShardState
SHARD_STATE_SKIPPED: ShardState
RUNG_UNSPECIFIED: Rung
RUNG_FULL: Rung
RUNG_NO_CLASSIFIER: Rung
RUNG_NO_EXTRAS: Rung
RUNG_FEWER_SHARDS: Rung
RUNG_COARSE: Rung
VERDICT_UNSPECIFIED: Verdict
VERDICT_MATCH: Verdict
VERDICT_NO_GOOD_MATCH: Verdict

class Region(_message.Message):
    __slots__ = ("x_min", "y_min", "x_max", "y_max")
    X_MIN_FIELD_NUMBER: _ClassVar[int]
    Y_MIN_FIELD_NUMBER: _ClassVar[int]
    X_MAX_FIELD_NUMBER: _ClassVar[int]
    Y_MAX_FIELD_NUMBER: _ClassVar[int]
    x_min: float
    y_min: float
    x_max: float
    y_max: float
    def __init__(self, x_min: _Optional[float] = ..., y_min: _Optional[float] = ..., x_max: _Optional[float] = ..., y_max: _Optional[float] = ...) -> None: ...

class Routing(_message.Message):
    __slots__ = ("policy", "probability_mass", "categories", "exact")
    POLICY_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_MASS_FIELD_NUMBER: _ClassVar[int]
    CATEGORIES_FIELD_NUMBER: _ClassVar[int]
    EXACT_FIELD_NUMBER: _ClassVar[int]
    policy: Policy
    probability_mass: float
    categories: _containers.RepeatedScalarFieldContainer[str]
    exact: bool
    def __init__(self, policy: _Optional[_Union[Policy, str]] = ..., probability_mass: _Optional[float] = ..., categories: _Optional[_Iterable[str]] = ..., exact: _Optional[bool] = ...) -> None: ...

class SearchRequest(_message.Message):
    __slots__ = ("image", "region", "top_k", "routing", "criticality", "minimum_coverage", "filter")
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    TOP_K_FIELD_NUMBER: _ClassVar[int]
    ROUTING_FIELD_NUMBER: _ClassVar[int]
    CRITICALITY_FIELD_NUMBER: _ClassVar[int]
    MINIMUM_COVERAGE_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    image: bytes
    region: Region
    top_k: int
    routing: Routing
    criticality: Criticality
    minimum_coverage: float
    filter: _filter_pb2.Filter
    def __init__(self, image: _Optional[bytes] = ..., region: _Optional[_Union[Region, _Mapping]] = ..., top_k: _Optional[int] = ..., routing: _Optional[_Union[Routing, _Mapping]] = ..., criticality: _Optional[_Union[Criticality, str]] = ..., minimum_coverage: _Optional[float] = ..., filter: _Optional[_Union[_filter_pb2.Filter, _Mapping]] = ...) -> None: ...

class Hit(_message.Message):
    __slots__ = ("product_id", "image_id", "category", "score", "similarity", "image_path")
    PRODUCT_ID_FIELD_NUMBER: _ClassVar[int]
    IMAGE_ID_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    SIMILARITY_FIELD_NUMBER: _ClassVar[int]
    IMAGE_PATH_FIELD_NUMBER: _ClassVar[int]
    product_id: str
    image_id: str
    category: str
    score: float
    similarity: float
    image_path: str
    def __init__(self, product_id: _Optional[str] = ..., image_id: _Optional[str] = ..., category: _Optional[str] = ..., score: _Optional[float] = ..., similarity: _Optional[float] = ..., image_path: _Optional[str] = ...) -> None: ...

class CategoryProbability(_message.Message):
    __slots__ = ("category", "probability")
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    category: str
    probability: float
    def __init__(self, category: _Optional[str] = ..., probability: _Optional[float] = ...) -> None: ...

class ShardCoverage(_message.Message):
    __slots__ = ("category", "state", "probability", "latency", "detail", "exhausted", "wave")
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    LATENCY_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    EXHAUSTED_FIELD_NUMBER: _ClassVar[int]
    WAVE_FIELD_NUMBER: _ClassVar[int]
    category: str
    state: ShardState
    probability: float
    latency: _duration_pb2.Duration
    detail: str
    exhausted: bool
    wave: int
    def __init__(self, category: _Optional[str] = ..., state: _Optional[_Union[ShardState, str]] = ..., probability: _Optional[float] = ..., latency: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., detail: _Optional[str] = ..., exhausted: _Optional[bool] = ..., wave: _Optional[int] = ...) -> None: ...

class Coverage(_message.Message):
    __slots__ = ("share", "planned_share", "partial", "shards")
    SHARE_FIELD_NUMBER: _ClassVar[int]
    PLANNED_SHARE_FIELD_NUMBER: _ClassVar[int]
    PARTIAL_FIELD_NUMBER: _ClassVar[int]
    SHARDS_FIELD_NUMBER: _ClassVar[int]
    share: float
    planned_share: float
    partial: bool
    shards: _containers.RepeatedCompositeFieldContainer[ShardCoverage]
    def __init__(self, share: _Optional[float] = ..., planned_share: _Optional[float] = ..., partial: _Optional[bool] = ..., shards: _Optional[_Iterable[_Union[ShardCoverage, _Mapping]]] = ...) -> None: ...

class PhotoReport(_message.Message):
    __slots__ = ("format", "width", "height", "orientation", "decode_reduction", "cropped")
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    ORIENTATION_FIELD_NUMBER: _ClassVar[int]
    DECODE_REDUCTION_FIELD_NUMBER: _ClassVar[int]
    CROPPED_FIELD_NUMBER: _ClassVar[int]
    format: str
    width: int
    height: int
    orientation: int
    decode_reduction: int
    cropped: bool
    def __init__(self, format: _Optional[str] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., orientation: _Optional[int] = ..., decode_reduction: _Optional[int] = ..., cropped: _Optional[bool] = ...) -> None: ...

class StageTiming(_message.Message):
    __slots__ = ("stage", "duration")
    STAGE_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    stage: str
    duration: _duration_pb2.Duration
    def __init__(self, stage: _Optional[str] = ..., duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class ModelVersion(_message.Message):
    __slots__ = ("name", "version", "sha256")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: str
    sha256: str
    def __init__(self, name: _Optional[str] = ..., version: _Optional[str] = ..., sha256: _Optional[str] = ...) -> None: ...

class SearchResponse(_message.Message):
    __slots__ = ("hits", "categories", "coverage", "photo", "timings", "snapshot_id", "models", "rung", "verdict")
    HITS_FIELD_NUMBER: _ClassVar[int]
    CATEGORIES_FIELD_NUMBER: _ClassVar[int]
    COVERAGE_FIELD_NUMBER: _ClassVar[int]
    PHOTO_FIELD_NUMBER: _ClassVar[int]
    TIMINGS_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_ID_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    RUNG_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    hits: _containers.RepeatedCompositeFieldContainer[Hit]
    categories: _containers.RepeatedCompositeFieldContainer[CategoryProbability]
    coverage: Coverage
    photo: PhotoReport
    timings: _containers.RepeatedCompositeFieldContainer[StageTiming]
    snapshot_id: str
    models: _containers.RepeatedCompositeFieldContainer[ModelVersion]
    rung: Rung
    verdict: Verdict
    def __init__(self, hits: _Optional[_Iterable[_Union[Hit, _Mapping]]] = ..., categories: _Optional[_Iterable[_Union[CategoryProbability, _Mapping]]] = ..., coverage: _Optional[_Union[Coverage, _Mapping]] = ..., photo: _Optional[_Union[PhotoReport, _Mapping]] = ..., timings: _Optional[_Iterable[_Union[StageTiming, _Mapping]]] = ..., snapshot_id: _Optional[str] = ..., models: _Optional[_Iterable[_Union[ModelVersion, _Mapping]]] = ..., rung: _Optional[_Union[Rung, str]] = ..., verdict: _Optional[_Union[Verdict, str]] = ...) -> None: ...

class SearchStreamRequest(_message.Message):
    __slots__ = ("request_id", "request")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    request: SearchRequest
    def __init__(self, request_id: _Optional[str] = ..., request: _Optional[_Union[SearchRequest, _Mapping]] = ...) -> None: ...

class StreamError(_message.Message):
    __slots__ = ("code", "reason", "message", "field", "retry_delay", "found")
    CODE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    RETRY_DELAY_FIELD_NUMBER: _ClassVar[int]
    FOUND_FIELD_NUMBER: _ClassVar[int]
    code: int
    reason: str
    message: str
    field: str
    retry_delay: _duration_pb2.Duration
    found: SearchResponse
    def __init__(self, code: _Optional[int] = ..., reason: _Optional[str] = ..., message: _Optional[str] = ..., field: _Optional[str] = ..., retry_delay: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., found: _Optional[_Union[SearchResponse, _Mapping]] = ...) -> None: ...

class SearchStreamResponse(_message.Message):
    __slots__ = ("request_id", "response", "error")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    response: SearchResponse
    error: StreamError
    def __init__(self, request_id: _Optional[str] = ..., response: _Optional[_Union[SearchResponse, _Mapping]] = ..., error: _Optional[_Union[StreamError, _Mapping]] = ...) -> None: ...

class GetCatalogRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class CatalogCategory(_message.Message):
    __slots__ = ("category", "products", "images", "routable")
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    PRODUCTS_FIELD_NUMBER: _ClassVar[int]
    IMAGES_FIELD_NUMBER: _ClassVar[int]
    ROUTABLE_FIELD_NUMBER: _ClassVar[int]
    category: str
    products: int
    images: int
    routable: bool
    def __init__(self, category: _Optional[str] = ..., products: _Optional[int] = ..., images: _Optional[int] = ..., routable: _Optional[bool] = ...) -> None: ...

class GetCatalogResponse(_message.Message):
    __slots__ = ("categories", "next_page_token", "snapshot_id", "space_id", "models", "has_baseline", "is_adaptive_fitted", "attributes")
    CATEGORIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_ID_FIELD_NUMBER: _ClassVar[int]
    SPACE_ID_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    HAS_BASELINE_FIELD_NUMBER: _ClassVar[int]
    IS_ADAPTIVE_FITTED_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    categories: _containers.RepeatedCompositeFieldContainer[CatalogCategory]
    next_page_token: str
    snapshot_id: str
    space_id: str
    models: _containers.RepeatedCompositeFieldContainer[ModelVersion]
    has_baseline: bool
    is_adaptive_fitted: bool
    attributes: _containers.RepeatedCompositeFieldContainer[_filter_pb2.Attribute]
    def __init__(self, categories: _Optional[_Iterable[_Union[CatalogCategory, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., snapshot_id: _Optional[str] = ..., space_id: _Optional[str] = ..., models: _Optional[_Iterable[_Union[ModelVersion, _Mapping]]] = ..., has_baseline: _Optional[bool] = ..., is_adaptive_fitted: _Optional[bool] = ..., attributes: _Optional[_Iterable[_Union[_filter_pb2.Attribute, _Mapping]]] = ...) -> None: ...
