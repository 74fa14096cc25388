"""What is asked and what came back: labelled queries, and one observation per photo and policy. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from services.client.types import Policy, Verdict
from services.photo.labelled import LabelledPhoto, by_photo

POLICIES = (Policy.BASELINE, Policy.TOP_1, Policy.TOP_P, Policy.ALL, Policy.ADAPTIVE)
"""Every policy in the order of reports: what it is measured against first, the gateway's default last."""


@dataclass(frozen=True, slots=True)
class Query:
    """A photo with all that is known to be on it.

    Attributes:
        photo_path: POSIX path below the dataset's image root.
        products: relevant products; empty when only the category is known, then it counts for category figures only.
        categories: right categories, at least one; the first stands for the photo where one is to be named.
    """

    photo_path: str
    products: tuple[str, ...]
    categories: tuple[str, ...]


Gallery = Mapping[str, str]
"""The path of one gallery image of each of the dataset's products, by product id."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way to search a photo.

    Attributes:
        policy: how shards are chosen.
        categories: to search instead; empty leaves the choice to the policy.
        probability_mass: TOP_P's; the gateway's default when None.
        exact: whether shards compare with every picture instead of using their index.
    """

    policy: Policy
    categories: tuple[str, ...] = ()
    probability_mass: float | None = None
    exact: bool = False


@dataclass(frozen=True, slots=True)
class ShownHit:
    """One of the first hits of an answer, kept to be shown."""

    product_id: str
    category: str
    score: float
    image_path: str


@dataclass(frozen=True, slots=True)
class Observation:
    """One photo, searched one way.

    Attributes:
        query: position of the photo among the queries.
        way: how it was searched.
        outcome: `partial` is an answer in which something planned is missing.
        latency_ms: from sending the photo to having the answer, as the client saw it; for an error, to the error.
        error: UPPER_SNAKE_CASE reason; empty for answers.
        ranks: where relevant products stand, as `metrics.ranks_of` returns them; empty for errors.
        hits: the first few, best first.
        predicted: the likeliest category and its probability; None when the classifier was not asked or did not answer.
        searched: categories whose shards' hits are in the answer; the empty name is the baseline index.
        missing: categories whose shards were planned and did not answer.
        stages_ms: the gateway's time per stage.
        shards_ms: the longest shard call of each wave, as the gateway saw it, added up: the waves follow each other. 0
            without any.
        verdict: what the answer thinks of its best hit; UNKNOWN for errors and where the snapshot learned nothing.
    """

    query: int
    way: Way
    outcome: Literal["ok", "partial", "error"]
    latency_ms: float
    error: str = ""
    ranks: tuple[int, ...] = ()
    hits: tuple[ShownHit, ...] = ()
    predicted: tuple[str, float] | None = None
    searched: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    stages_ms: Mapping[str, float] = field(default_factory=dict)
    shards_ms: float = 0.0
    verdict: Verdict = Verdict.UNKNOWN

    @property
    def policy(self) -> Policy:
        """What it was searched with."""
        return self.way.policy

    @property
    def overhead_ms(self) -> float | None:
        """The gateway's own time: all but the slower model call and each wave's slowest shard; None when not told."""
        total = self.stages_ms.get("total")
        if total is None:
            return None
        models = max(self.stages_ms.get("classify", 0.0), self.stages_ms.get("embed", 0.0))
        return total - models - self.shards_ms


def queries_of(photos: Iterable[LabelledPhoto]) -> list[Query]:
    """Return one query per photo, in order, with everything that is on it."""
    return [
        Query(path, _distinct(label.product_id for label in labels), _distinct(label.category for label in labels))
        for path, labels in by_photo(photos).items()
    ]


def _distinct(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names that are not empty, each once, in order."""
    return tuple(dict.fromkeys(name for name in names if name))
