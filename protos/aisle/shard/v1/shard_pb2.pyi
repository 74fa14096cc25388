from aisle.filter.v1 import filter_pb2 as _filter_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SearchRequest(_message.Message):
    __slots__ = ("shard", "query_vectors", "rows", "dimension", "top_k", "snapshot_id", "space_id", "exact", "coarse", "batch", "filter")
    SHARD_FIELD_NUMBER: _ClassVar[int]
    QUERY_VECTORS_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    DIMENSION_FIELD_NUMBER: _ClassVar[int]
    TOP_K_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_ID_FIELD_NUMBER: _ClassVar[int]
    SPACE_ID_FIELD_NUMBER: _ClassVar[int]
    EXACT_FIELD_NUMBER: _ClassVar[int]
    COARSE_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    shard: str
    query_vectors: bytes
    rows: int
    dimension: int
    top_k: int
    snapshot_id: str
    space_id: str
    exact: bool
    coarse: bool
    batch: bool
    filter: _filter_pb2.Filter
    def __init__(self, shard: _Optional[str] = ..., query_vectors: _Optional[bytes] = ..., rows: _Optional[int] = ..., dimension: _Optional[int] = ..., top_k: _Optional[int] = ..., snapshot_id: _Optional[str] = ..., space_id: _Optional[str] = ..., exact: _Optional[bool] = ..., coarse: _Optional[bool] = ..., batch: _Optional[bool] = ..., filter: _Optional[_Union[_filter_pb2.Filter, _Mapping]] = ...) -> None: ...

class Neighbours(_message.Message):
    __slots__ = ("product_ids", "image_ids", "image_paths", "similarities", "categories", "exhausted")
    PRODUCT_IDS_FIELD_NUMBER: _ClassVar[int]
    IMAGE_IDS_FIELD_NUMBER: _ClassVar[int]
    IMAGE_PATHS_FIELD_NUMBER: _ClassVar[int]
    SIMILARITIES_FIELD_NUMBER: _ClassVar[int]
    CATEGORIES_FIELD_NUMBER: _ClassVar[int]
    EXHAUSTED_FIELD_NUMBER: _ClassVar[int]
    product_ids: _containers.RepeatedScalarFieldContainer[str]
    image_ids: _containers.RepeatedScalarFieldContainer[str]
    image_paths: _containers.RepeatedScalarFieldContainer[str]
    similarities: _containers.RepeatedScalarFieldContainer[float]
    categories: _containers.RepeatedScalarFieldContainer[str]
    exhausted: bool
    def __init__(self, product_ids: _Optional[_Iterable[str]] = ..., image_ids: _Optional[_Iterable[str]] = ..., image_paths: _Optional[_Iterable[str]] = ..., similarities: _Optional[_Iterable[float]] = ..., categories: _Optional[_Iterable[str]] = ..., exhausted: _Optional[bool] = ...) -> None: ...

class SearchResponse(_message.Message):
    __slots__ = ("neighbours", "snapshot_id")
    NEIGHBOURS_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_ID_FIELD_NUMBER: _ClassVar[int]
    neighbours: _containers.RepeatedCompositeFieldContainer[Neighbours]
    snapshot_id: str
    def __init__(self, neighbours: _Optional[_Iterable[_Union[Neighbours, _Mapping]]] = ..., snapshot_id: _Optional[str] = ...) -> None: ...

class DescribeRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "snapshot_id", "used_snapshot_id", "caller")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_ID_FIELD_NUMBER: _ClassVar[int]
    USED_SNAPSHOT_ID_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    snapshot_id: str
    used_snapshot_id: str
    caller: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., snapshot_id: _Optional[str] = ..., used_snapshot_id: _Optional[str] = ..., caller: _Optional[str] = ...) -> None: ...

class ShardDescription(_message.Message):
    __slots__ = ("shard", "category", "images", "products", "index_factory")
    SHARD_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    IMAGES_FIELD_NUMBER: _ClassVar[int]
    PRODUCTS_FIELD_NUMBER: _ClassVar[int]
    INDEX_FACTORY_FIELD_NUMBER: _ClassVar[int]
    shard: str
    category: str
    images: int
    products: int
    index_factory: str
    def __init__(self, shard: _Optional[str] = ..., category: _Optional[str] = ..., images: _Optional[int] = ..., products: _Optional[int] = ..., index_factory: _Optional[str] = ...) -> None: ...

class DescribeResponse(_message.Message):
    __slots__ = ("shards", "next_page_token", "snapshot_id", "space_id", "dimension", "snapshot_ids")
    SHARDS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_ID_FIELD_NUMBER: _ClassVar[int]
    SPACE_ID_FIELD_NUMBER: _ClassVar[int]
    DIMENSION_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_IDS_FIELD_NUMBER: _ClassVar[int]
    shards: _containers.RepeatedCompositeFieldContainer[ShardDescription]
    next_page_token: str
    snapshot_id: str
    space_id: str
    dimension: int
    snapshot_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, shards: _Optional[_Iterable[_Union[ShardDescription, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., snapshot_id: _Optional[str] = ..., space_id: _Optional[str] = ..., dimension: _Optional[int] = ..., snapshot_ids: _Optional[_Iterable[str]] = ...) -> None: ...
