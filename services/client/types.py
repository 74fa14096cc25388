"""What callers give and get: frozen, typed, free of gRPC. Times are in milliseconds, scores higher-is-better."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypedDict

from services.common.errors import AisleError
from services.filters.predicate import Predicate

if TYPE_CHECKING:  # `--help` and the pure modules that need a Policy do not wait for numpy
    import numpy as np
    from numpy.typing import NDArray

Photo: TypeAlias = "bytes | str | Path | NDArray[np.uint8]"
"""Encoded bytes (JPEG, PNG, WebP), the path of such a file, or RGB pixels uint8 `(H, W, 3)`."""


class Policy(StrEnum):
    """How the shards to search are chosen; `search.proto` says what each one means."""

    TOP_1 = "top_1"
    TOP_P = "top_p"
    ALL = "all"
    BASELINE = "baseline"
    ADAPTIVE = "adaptive"


class Criticality(StrEnum):
    """Who waits for the answer; under load the less critical is refused first."""

    INTERACTIVE = "interactive"
    BATCH = "batch"


class ShardState(StrEnum):
    """What became of one planned shard; UNKNOWN is a state that only a newer gateway knows."""

    ANSWERED = "answered"
    HEDGED = "hedged"
    LATE = "late"
    FAILED = "failed"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"

    @property
    def answered(self) -> bool:
        """Whether the shard's hits are in the answer."""
        return self in {ShardState.ANSWERED, ShardState.HEDGED}


class Rung(StrEnum):
    """How far the service had degraded; UNKNOWN is a rung that only a newer gateway knows."""

    FULL = "full"
    NO_CLASSIFIER = "no_classifier"
    NO_EXTRAS = "no_extras"
    FEWER_SHARDS = "fewer_shards"
    COARSE = "coarse"
    UNKNOWN = "unknown"


class Verdict(StrEnum):
    """Whether the product in the photo seems to be sold here.

    UNKNOWN where the snapshot has learned nothing to tell by, where nothing was found, and for a verdict that only a
    newer gateway knows.
    """

    MATCH = "match"
    NO_GOOD_MATCH = "no_good_match"
    UNKNOWN = "unknown"


class AttributeType(StrEnum):
    """The type of an attribute in the catalogue; UNKNOWN is one that only a newer gateway knows."""

    STRING = "string"
    INTEGER = "integer"
    FLOAT = "float"
    UNKNOWN = "unknown"


class Health(StrEnum):
    """Whether the gateway would take a photo now."""

    SERVING = "serving"
    NOT_SERVING = "not_serving"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class Region:
    """A box in the upright picture, in shares of its width and height: `0 <= min < max <= 1`."""

    x_min: float
    y_min: float
    x_max: float
    y_max: float


class SearchOptions(TypedDict, total=False):
    """What is wanted of a photo. The gateway checks it and holds the defaults of what is absent.

    Attributes:
        top_k: products wanted, 1 to 1,000; 10 when absent.
        policy: how shards are chosen; ADAPTIVE when absent.
        probability_mass: TOP_P, and the first wave of ADAPTIVE: the probability that the chosen categories reach
            together, in (0, 1].
        categories: categories that the caller already knows; they override the policy.
        exact: whether shards compare the photo with every picture instead of using their indexes: slow, for measuring.
        region: the part of the picture to search for; all of it when absent.
        minimum_coverage: least share of the classifier's whole probability mass that must answer, 0 to 1; 0 when
            absent.
        criticality: who waits; INTERACTIVE when absent.
        where: what the attributes of a gallery image must be like for it to be found; anything when absent.
    """

    top_k: int
    policy: Policy
    probability_mass: float | None
    categories: Sequence[str]
    exact: bool
    region: Region | None
    minimum_coverage: float
    criticality: Criticality
    where: Predicate | None


SearchItem = tuple[str, Photo, SearchOptions]
"""One photo of many: the caller's name for it (1 to 128 characters), the photo, what is wanted of it."""


@dataclass(frozen=True, slots=True)
class ProductHit:
    """One product.

    Attributes:
        product_id: its id in the catalogue.
        image_id: its gallery image that is most similar to the photo.
        category: the category whose shard holds it.
        score: the probability that this is the product in the photo, in [0, 1], comparable between categories and
            photos; where the snapshot has learned nothing from held-out photos, it only ranks.
        similarity: the cosine of photo and gallery image, in [-1, 1].
        image_path: where the gallery image lies, relative to the catalogue's image root.
    """

    product_id: str
    image_id: str
    category: str
    score: float
    similarity: float
    image_path: str


@dataclass(frozen=True, slots=True)
class CategoryProbability:
    """What the classifier thinks of one category; the probability is in [0, 1]."""

    category: str
    probability: float


@dataclass(frozen=True, slots=True)
class ShardCoverage:
    """What became of one planned shard.

    Attributes:
        category: empty for the baseline index.
        state: what became of it.
        probability: the probability mass that it stands for, in [0, 1].
        latency_ms: from asking it to its answer or to giving it up.
        detail: why it is missing, for people; empty when it answered.
        exhausted: whether it has no more products than it answered.
        wave: the wave that it was asked in: 1, or 2 for ADAPTIVE's runner-ups.
    """

    category: str
    state: ShardState
    probability: float
    latency_ms: float
    detail: str
    exhausted: bool
    wave: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """How complete an answer is.

    Attributes:
        share: part of the classifier's whole probability mass whose shards did answer, in [0, 1].
        planned_share: part of it that was planned, in [0, 1]; 1 for BASELINE and for categories that the caller gave.
        partial: whether anything planned is missing.
        shards: one entry per planned shard, likeliest first.
    """

    share: float
    planned_share: float
    partial: bool
    shards: tuple[ShardCoverage, ...]


@dataclass(frozen=True, slots=True)
class PhotoReport:
    """What was done to the photo before the models saw it.

    Attributes:
        format: "JPEG", "PNG" or "WEBP".
        width: pixels of the upright picture, before any cropping.
        height: pixels of the upright picture, before any cropping.
        orientation: the EXIF orientation that was undone, 1 (none) to 8.
        decode_reduction: the factor by which it was decoded smaller: 1, 2, 4 or 8.
        cropped: whether it was cropped to a region.
    """

    format: str
    width: int
    height: int
    orientation: int
    decode_reduction: int
    cropped: bool


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """A model that took part: its name, its version's human name, the SHA-256 of its file."""

    name: str
    version: str
    sha256: str


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The answer to one photo.

    Attributes:
        hits: at most `top_k` distinct products, best first.
        categories: the classifier's view, likeliest first, at most ten; empty when it was not asked.
        coverage: how complete the answer is.
        photo: what was done to the photo.
        timings_ms: stage -> milliseconds; the stages are decode, classify, embed, route, scatter, merge and total;
            there is no classify where one model does both in the time of embed.
        snapshot_id: the snapshot that was searched.
        models: the models that took part.
        rung: how far the service had degraded.
        verdict: whether the product in the photo seems to be sold here.
        request_id: what the gateway's log and traces know the request by; support asks for it.
    """

    hits: tuple[ProductHit, ...]
    categories: tuple[CategoryProbability, ...]
    coverage: Coverage
    photo: PhotoReport
    timings_ms: Mapping[str, float]
    snapshot_id: str
    models: tuple[ModelVersion, ...]
    rung: Rung
    verdict: Verdict
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class SearchOutcome:
    """What became of one photo of many: exactly one of `result` and `error` is set."""

    request_id: str
    result: SearchResult | None = None
    error: AisleError | None = None

    def unwrap(self) -> SearchResult:
        """Return the result, or raise the error."""
        if self.error is not None:
            raise self.error
        assert self.result is not None
        return self.result


@dataclass(frozen=True, slots=True)
class CatalogCategory:
    """One category that can be searched.

    Attributes:
        category: its name.
        products: products in it.
        images: gallery images in it.
        routable: whether the classifier can predict it.
    """

    category: str
    products: int
    images: int
    routable: bool


@dataclass(frozen=True, slots=True)
class Catalog:
    """What can be searched.

    Attributes:
        categories: all of them, by name.
        snapshot_id: the snapshot that is being served.
        space_id: the space of its vectors.
        models: the models that serve.
        has_baseline: whether the BASELINE policy can be asked for.
        is_adaptive_fitted: whether the snapshot has learned how to use the classifier; where not, ADAPTIVE is ALL.
        attributes: what `where` may ask about, by name, and the type of each.
    """

    categories: tuple[CatalogCategory, ...]
    snapshot_id: str
    space_id: str
    models: tuple[ModelVersion, ...]
    has_baseline: bool
    is_adaptive_fitted: bool
    attributes: Mapping[str, AttributeType]
