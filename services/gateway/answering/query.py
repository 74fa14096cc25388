"""What is asked of the gateway and what it answers, free of any transport. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from services.common.criticality import Criticality
from services.common.errors import InvalidArgument
from services.filters.predicate import Predicate
from services.gateway.answering.coverage import Coverage
from services.gateway.answering.merging import Hit
from services.models.metadata import ModelInfo
from services.photo.intake import PhotoReport
from services.photo.region import Region

MAX_TOP_K = 1_000
MAX_CATEGORIES = 1_000
DEFAULT_TOP_K = 10


class Policy(Enum):
    """How the shards to search are chosen; the proto's comments define each."""

    TOP_1 = "top_1"
    TOP_P = "top_p"
    ALL = "all"
    BASELINE = "baseline"
    ADAPTIVE = "adaptive"


class Rung(Enum):
    """How far the service had degraded when it made an answer."""

    FULL = "full"
    NO_CLASSIFIER = "no_classifier"
    NO_EXTRAS = "no_extras"
    FEWER_SHARDS = "fewer_shards"
    COARSE = "coarse"


class Verdict(Enum):
    """Whether the product in the photo seems to be sold here; UNKNOWN where nothing taught us to tell."""

    UNKNOWN = "unknown"
    MATCH = "match"
    NO_GOOD_MATCH = "no_good_match"


@dataclass(frozen=True, slots=True)
class Query:
    """One photo and what is wanted of it.

    Attributes:
        image: the encoded picture.
        region: the part of the upright picture that is wanted; all of it when None.
        top_k: distinct products wanted, 1 to 1,000.
        policy: how shards are chosen.
        probability_mass: TOP_P's mass, or that of ADAPTIVE's first wave, in (0, 1]; their defaults when None.
        categories: categories the caller already knows; they override the classifier when there are any.
        minimum_coverage: least coverage that is of use to the caller, 0 to 1.
        exact: whether shards compare with every picture instead of using their indexes.
        criticality: who waits.
        predicate: what the attributes of a picture must be like for it to be found; None for anything.

    Raises:
        InvalidArgument: a number outside its range; names the field.
    """

    image: bytes
    region: Region | None = None
    top_k: int = DEFAULT_TOP_K
    policy: Policy = Policy.ADAPTIVE
    probability_mass: float | None = None
    categories: tuple[str, ...] = ()
    minimum_coverage: float = 0.0
    exact: bool = False
    criticality: Criticality = Criticality.INTERACTIVE
    predicate: Predicate | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.top_k <= MAX_TOP_K:
            raise InvalidArgument(f"top_k is {self.top_k}; it must be 1 to {MAX_TOP_K:,}", field="top_k")
        # Written so that NaN fails, too.
        if self.probability_mass is not None and not 0.0 < self.probability_mass <= 1.0:
            raise InvalidArgument(
                f"probability_mass is {self.probability_mass}; it must be above 0 and at most 1",
                field="routing.probability_mass",
            )
        if len(self.categories) > MAX_CATEGORIES:
            raise InvalidArgument(f"at most {MAX_CATEGORIES:,} categories are accepted", field="routing.categories")
        if not 0.0 <= self.minimum_coverage <= 1.0:
            raise InvalidArgument(
                f"minimum_coverage is {self.minimum_coverage}; it must be 0 to 1", field="minimum_coverage"
            )


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """One model that took part: its name in Triton, the version's human name, the SHA-256 of its file."""

    name: str
    version: str
    sha256: str

    @classmethod
    def of(cls, model: ModelInfo) -> "ModelVersion":
        """Return what an answer says of a model."""
        return cls(model.name, model.version, model.sha256)


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one photo.

    Attributes:
        hits: at most `top_k` distinct products, best first.
        categories: the classifier's view, likeliest first; empty when it was not asked or did not answer.
        coverage: how complete the answer is.
        photo: what was done to the photo.
        stage_seconds: time of each stage by its name.
        snapshot_id: the snapshot that was searched.
        models: the models that took part.
        rung: how far the service had degraded.
        verdict: whether the best hit can be believed.
    """

    hits: tuple[Hit, ...]
    categories: tuple[tuple[str, float], ...]
    coverage: Coverage
    photo: PhotoReport
    stage_seconds: Mapping[str, float]
    snapshot_id: str
    models: tuple[ModelVersion, ...]
    rung: Rung
    verdict: Verdict
