"""One policy's figures, and what they are against the baseline. Pure."""

from services.evaluation.schema.base import Frozen, Interval
from services.evaluation.schema.trust import Reliability, Verdicts


class Latency(Frozen):
    """Percentiles in milliseconds over answers, as the client saw them; errors are not in it."""

    p50: float
    p90: float
    p95: float
    p99: float


class Intervals(Frozen):
    """95 % bootstrap intervals over the photos."""

    recall_at_1: Interval
    recall_at_5: Interval
    recall_at_10: Interval
    map: Interval
    mrr: Interval


class Figures(Frozen):
    """Product figures; None when no photo is labelled with a product."""

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


class Losses(Frozen):
    """What became of the right product, as shares of the photos with a product; they add up to 1."""

    k: int
    """Hits looked at: a product that stands further down is lost."""
    found: float
    """A right product is among the first `k`."""
    not_routed: float
    """The wrong TLC: the right one was not searched."""
    index_missed: float
    """The shard was searched, and its index did not bring up what an exact search of the same shards does."""
    shard_missing: float
    """The right shard was planned, and was late or failed."""
    ranked_below: float
    """The shard was searched, and `k` others were ranked before the product."""
    not_in_gallery: float
    """The catalogue lacks the product: nothing can find it."""
    failed: float
    """The search ended with an error."""


class PolicyReport(Figures):
    """One policy's figures."""

    category_at_1: float
    """Share of all photos whose best hit is of a right category."""
    mean_shards_searched: float
    """Mean number of shards whose hits are in an answer, over answers; the baseline index is one."""
    latency_ms: Latency | None
    """None when nothing was answered."""
    overhead_ms: Latency | None
    """The gateway's own time: total - the slower model call - the slowest shard call of each wave."""
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
    losses: list[Losses]
    """Where the photos stay behind, for k = 1, 5 and 10; empty when no photo is labelled with a product."""
    score_reliability: Reliability | None
    """Best hit's score against its being right; None without a hit to judge."""
    verdicts: Verdicts | None
    """None when no answer had a verdict: the snapshot learned none."""


class Gain(Frozen):
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


class Histogram(Frozen):
    """How often a latency occurred."""

    start_ms: float
    """Where the first bin begins; a faster answer counts into it."""
    width_ms: float
    """Width of each bin; a slower answer than all of them counts into the last."""
    counts: dict[str, list[int]]
    """By policy, answers per bin; the bins are the same for all."""
