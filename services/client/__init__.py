"""The Python client of the gateway, for internal callers: photos in, typed products out.

    async with AisleClient("127.0.0.1:50051") as client:
        result = await client.search("shelf.jpg", top_k=5)

`SyncAisleClient` is the same for callers without an event loop. Failures are the classes of `services.common.errors`.
"""

from services.client.client import DEFAULT_TARGET, AisleClient
from services.client.photos import Photo
from services.client.sync import SyncAisleClient
from services.client.types import (
    Catalog,
    CatalogCategory,
    CategoryProbability,
    Coverage,
    Criticality,
    Health,
    ModelVersion,
    PhotoReport,
    Policy,
    ProductHit,
    Region,
    Rung,
    SearchItem,
    SearchOptions,
    SearchOutcome,
    SearchResult,
    ShardCoverage,
    ShardState,
)

__all__ = [
    "DEFAULT_TARGET",
    "AisleClient",
    "Catalog",
    "CatalogCategory",
    "CategoryProbability",
    "Coverage",
    "Criticality",
    "Health",
    "ModelVersion",
    "Photo",
    "PhotoReport",
    "Policy",
    "ProductHit",
    "Region",
    "Rung",
    "SearchItem",
    "SearchOptions",
    "SearchOutcome",
    "SearchResult",
    "ShardCoverage",
    "ShardState",
    "SyncAisleClient",
]
