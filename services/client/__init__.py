"""The Python client of the gateway, for internal callers: photos in, typed products out.

    async with AisleClient("127.0.0.1:50051") as client:
        result = await client.search("shelf.jpg", top_k=5, where=Equals("colour", "red") & Range("price", below=50))

Where the gateway asks for it, with `Credentials(tls_ca=Path("ca.pem"), token_file=Path("token"))` as second argument.
`SyncAisleClient` is the same for callers without an event loop. Failures are the classes of `services.common.errors`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from services.client.types import (
    AttributeType,
    Catalog,
    CatalogCategory,
    CategoryProbability,
    Coverage,
    Criticality,
    Health,
    ModelVersion,
    Photo,
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
    Verdict,
)
from services.filters.predicate import AllOf, AnyOf, Equals, Not, OneOf, Predicate, Present, Range

if TYPE_CHECKING:
    from services.client.client import DEFAULT_TARGET, AisleClient
    from services.client.sync import SyncAisleClient
    from services.common.security.credentials import Credentials
else:
    # What needs gRPC is imported on first use: whoever needs the types alone does not wait for it.
    _MODULES = {
        "AisleClient": "services.client.client",
        "Credentials": "services.common.security.credentials",
        "DEFAULT_TARGET": "services.client.client",
        "SyncAisleClient": "services.client.sync",
    }

    def __getattr__(name: str) -> object:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_MODULES[name]), name)


__all__ = [
    "DEFAULT_TARGET",
    "AisleClient",
    "AllOf",
    "AnyOf",
    "AttributeType",
    "Catalog",
    "CatalogCategory",
    "CategoryProbability",
    "Coverage",
    "Credentials",
    "Criticality",
    "Equals",
    "Health",
    "ModelVersion",
    "Not",
    "OneOf",
    "Photo",
    "PhotoReport",
    "Policy",
    "Predicate",
    "Present",
    "ProductHit",
    "Range",
    "Region",
    "Rung",
    "SearchItem",
    "SearchOptions",
    "SearchOutcome",
    "SearchResult",
    "ShardCoverage",
    "ShardState",
    "SyncAisleClient",
    "Verdict",
]
