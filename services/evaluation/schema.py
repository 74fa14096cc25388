"""The report of an evaluation, version 1: what `report.json` holds, and all that `report.html` shows. Pure.

docs/reports.md explains it to readers of the file; a change that breaks them raises the version.
"""

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

SCHEMA_VERSION: Final = 1

METRICS = ("recall_at_1", "recall_at_5", "recall_at_10", "map", "mrr")
"""The product metrics of a policy, in the order of tables."""

MEAN_GAIN_METRICS = ("recall_at_1", "recall_at_5", "map")
"""The metrics whose gains make the mean gain."""

Interval = tuple[float, float]

Kind = Literal["gained", "lost", "both_right", "both_wrong"]
"""Of the cascade against the baseline, by whether the first hit is right."""

Reason = Literal["first", "ranked_below", "beyond_top_k", "not_routed", "shard_missing"]
"""Why the right product stands where it does; `shard_missing`: its shard was planned and did not answer."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Machine(_Frozen):
    """Where it was measured; figures without it mean little."""

    cpu: str
    """The processor's name."""
    cores: int
    """Cores that this process may use."""
    memory_bytes: int
    """Main memory."""
    system: str
    """Operating system and architecture."""
    python: str
    """Version of Python."""
    packages: dict[str, str]
    """Versions of the packages that matter: aisle, grpcio, numpy."""


class Model(_Frozen):
    """A model that took part."""

    version: str
    """Its human name."""
    sha256: str
    """Digest of its file."""


class Method(_Frozen):
    """How it was measured."""

    top_k: int
    """Products asked for; answers are cut there."""
    in_flight: int
    """Photos in flight; latencies are those of an idle system only at 1."""
    timeout_seconds: float
    """Deadline of a search."""
    seed: int
    """Decides which photos are taken, their order, that of the policies, and the bootstrap."""
    available_queries: int
    """Labelled photos in the dataset, before any limit."""


class Latency(_Frozen):
    """Percentiles in milliseconds over answers, as the client saw them; errors are not in it."""

    p50: float
    p90: float
    p95: float
    p99: float


class Intervals(_Frozen):
    """95 % bootstrap intervals over the photos."""

    recall_at_1: Interval
    recall_at_5: Interval
    recall_at_10: Interval
    map: Interval
    mrr: Interval


class PolicyReport(_Frozen):
    """One policy's figures. Product figures are None when no photo is labelled with a product."""

    recall_at_1: float | None
    """Mean share of a photo's products that stand first; an error finds nothing."""
    recall_at_5: float | None
    """Among the first five."""
    recall_at_10: float | None
    """Among the first ten."""
    map: float | None
    """Mean average precision of answers cut at `method.top_k`."""
    mrr: float | None
    """Mean of 1 / rank of the first right product."""
    intervals: Intervals | None
    """How sure the five figures above are."""
    category_at_1: float
    """Share of all photos whose best hit is of a right category."""
    mean_shards_searched: float
    """Mean number of shards whose hits are in an answer, over answers; the baseline index is one."""
    latency_ms: Latency | None
    """None when nothing was answered."""
    overhead_ms: Latency | None
    """The gateway's own time: total - the slower model call - the slowest shard call."""
    stages_ms_p50: dict[str, float]
    """Median time per stage, as the gateway tells it."""
    answers: int
    """Photos answered, partial answers among them."""
    partial: int
    """Answers in which something planned is missing."""
    errors: int
    """Photos without an answer."""
    error_reasons: dict[str, int]
    """Errors by their reason."""


class Gain(_Frozen):
    """A policy against the baseline: relative changes in percent; None where the baseline is 0 or unknown."""

    recall_at_1: float | None
    recall_at_5: float | None
    recall_at_10: float | None
    map: float | None
    mrr: float | None
    mean: float | None
    """Mean of the gains in recall_at_1, recall_at_5 and map."""
    mean_interval: Interval | None
    """Its 95 % interval: bootstrap over photos, in pairs; None also when a draw's baseline is 0."""
    latency_ratio_p50: float | None
    """The policy's median latency over the baseline's."""


class CategoryReport(_Frozen):
    """The photos of one category."""

    category: str
    queries: int
    classifier_top1_accuracy: float | None
    """None when the classifier judged none of them."""
    recall_at_1: dict[str, float | None]
    """By policy; None when none of the photos has a product."""


class Confusion(_Frozen):
    """Photos of one category that the classifier took for another."""

    category: str
    predicted: str
    queries: int


class Histogram(_Frozen):
    """How often a latency occurred."""

    start_ms: float
    """Where the first bin begins; a faster answer counts into it."""
    width_ms: float
    """Width of each bin; a slower answer than all of them counts into the last."""
    counts: dict[str, list[int]]
    """By policy, answers per bin; the bins are the same for all."""


class CaseHit(_Frozen):
    """A hit as shown."""

    product_id: str
    category: str
    """The product's own, also where the baseline index found it."""
    score: float
    image_path: str
    right: bool


class CaseAnswer(_Frozen):
    """What one policy made of a photo."""

    policy: str
    rank: int | None
    """Rank of the first right product; None when it is not in the answer."""
    reason: Reason
    """Why it is there: right, other products looked more alike, or its category was not searched."""
    hits: list[CaseHit]
    """The first few."""


class Case(_Frozen):
    """A photo worth looking at."""

    kind: Kind
    """What the cascade made of it, compared with the baseline."""
    photo_path: str
    category: str
    predicted: str | None
    """What the classifier took it for, with `probability`."""
    probability: float | None
    product_id: str
    product_image_path: str | None
    """A gallery image of the right product; None when the catalogue has none."""
    answers: list[CaseAnswer]
    """The baseline's, then the cascade's."""


class Report(_Frozen):
    """A whole evaluation."""

    schema_version: Literal[1] = SCHEMA_VERSION
    """Version of this format."""
    created_at: str
    """When it ended, ISO 8601, UTC."""
    duration_seconds: float
    """Time from the first photo to the last answer."""
    command: str
    """What was typed."""
    machine: Machine
    dataset: str
    """Its name."""
    snapshot_id: str
    """The snapshot that was searched."""
    space_id: str
    """The space of its vectors."""
    embedder: str
    """The embedder's version; `models` has its digest."""
    models: dict[str, Model]
    gallery_images: int
    """Images in the snapshot."""
    products: int
    """Products in the snapshot."""
    categories: int
    """Categories in the snapshot."""
    queries: int
    """Photos sent under each policy."""
    queries_with_product: int
    """Those that product metrics are taken over."""
    queries_not_in_gallery: int
    """Those of them with no product in the catalogue; they count, and nothing can find them."""
    method: Method
    classifier_top1_accuracy: float | None
    """Share of the photos judged by the classifier whose likeliest category is right."""
    classifier_judged: int
    """Photos judged by the classifier."""
    policies: dict[str, PolicyReport]
    """By policy name, the baseline first."""
    gain: dict[str, Gain]
    """By policy name, all but the baseline; empty without it."""
    headline: str | None
    """The cascade that stands for all in `cases`: the gateway's default when it was measured."""
    by_category: list[CategoryReport]
    """The category with most photos first."""
    confusions: list[Confusion]
    """The most frequent ones."""
    latency_histogram: Histogram | None
    case_counts: dict[Kind, int]
    """Photos by what the cascade made of them, compared with the baseline; empty without either."""
    cases: list[Case]
    """A few of each kind, drawn by lot and spread over the categories."""

    def to_json(self) -> str:
        """Return the report as JSON text that a person can read."""
        return self.model_dump_json(indent=2) + "\n"
