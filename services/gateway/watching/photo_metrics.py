"""What became of the photos, for Prometheus: by criticality, rung, stage and shard."""

from itertools import product
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram

from services.common.call_metrics import SECONDS
from services.common.children import Children
from services.common.criticality import Criticality
from services.common.errors import AisleError, reasons
from services.gateway.answering.coverage import ShardState
from services.gateway.answering.query import Answer, Rung
from services.gateway.watching.outcomes import Outcome, outcome_of
from services.snapshot.manifest import BASELINE_SLUG
from services.snapshot.slugs import slug

_SHARES: Final = (0.5, 0.8, 0.9, 0.95, 0.99, 0.999)
_GONE: Final = "CANCELLED"
"""The reason where the caller did not wait: no error of ours, so not one of the tree."""


class PhotoMetrics:
    """Counts photos, as `services.gateway.answering.ports.PhotoRecord` says."""

    def __init__(self, registry: CollectorRegistry, most_shards: int) -> None:
        """Add them to the registry.

        Args:
            registry: where.
            most_shards: shards with figures of their own; the others share those of "other".
        """
        self._photos = Children[tuple[Criticality, Outcome], Counter](
            Counter(
                "aisle_gateway_photos",
                "Photos by who waited and what became of them.",
                ("criticality", "outcome"),
                registry=registry,
            ),
            lambda key: (key[0].value, key[1].value),
        )
        self._photo_seconds = Children[Criticality, Histogram](
            Histogram(
                "aisle_gateway_photo_seconds",
                "From a photo's coming to its answer, waiting included; answered ones only.",
                ("criticality",),
                buckets=SECONDS,
                registry=registry,
            ),
            lambda criticality: (criticality.value,),
        )
        self._answers = Children[tuple[Rung, bool], Counter](
            Counter(
                "aisle_gateway_answers",
                "Photos answered, by rung of degradation and whether any planned shard is missing.",
                ("rung", "partial"),
                registry=registry,
            ),
            lambda key: (key[0].value, str(key[1]).lower()),
        )
        self._errors = Children[str, Counter](
            Counter(
                "aisle_gateway_errors",
                "Photos that ended with an error, by its reason.",
                ("reason",),
                registry=registry,
            ),
            lambda reason: (reason,),
        )
        self._stage_seconds = Children[str, Histogram](
            Histogram(
                "aisle_gateway_stage_seconds",
                "Time of each stage of answered photos.",
                ("stage",),
                buckets=SECONDS,
                registry=registry,
            ),
            lambda stage: (stage,),
        )
        self._shards = Children[tuple[str, ShardState], Counter](
            Counter(
                "aisle_gateway_shards",
                "Planned shards of answered photos, by what became of them.",
                ("shard", "state"),
                registry=registry,
            ),
            lambda key: (_slug_of(key[0]), key[1].value),
            most=most_shards,
        )
        self._shard_seconds = Children[str, Histogram](
            Histogram(
                "aisle_gateway_shard_seconds",
                "From asking a shard to its answer or to giving it up.",
                ("shard",),
                buckets=SECONDS,
                registry=registry,
            ),
            lambda category: (_slug_of(category),),
            most=most_shards,
        )
        self._coverage = Histogram(
            "aisle_gateway_coverage",
            "Share of the classifier's probability mass whose shards are in the answer.",
            buckets=_SHARES,
            registry=registry,
        )
        self._begin()

    def answered(self, answer: Answer, criticality: Criticality, seconds: float) -> None:
        """Count an answer."""
        coverage = answer.coverage
        partial = coverage.partial
        self._photos[criticality, Outcome.PARTIAL if partial else Outcome.OK].inc()
        self._photo_seconds[criticality].observe(seconds)
        self._answers[answer.rung, partial].inc()
        for stage, took in answer.stage_seconds.items():
            self._stage_seconds[stage].observe(took)
        for shard in coverage.shards:
            if shard.category not in self._shard_seconds:
                self._meet(shard.category)
            self._shards[shard.category, shard.state].inc()
            if shard.state is not ShardState.SKIPPED:  # nobody asked it
                self._shard_seconds[shard.category].observe(shard.latency_seconds)
        self._coverage.observe(coverage.share)

    def failed(self, error: BaseException, criticality: Criticality) -> None:
        """Count an error."""
        outcome = outcome_of(error)
        self._photos[criticality, outcome].inc()
        reason = error.reason if isinstance(error, AisleError) else AisleError.reason
        self._errors[_GONE if outcome is Outcome.GONE else reason].inc()

    def _begin(self) -> None:
        """Make the children that are known before: a counter that begins with its first event has no rate then."""
        for key in product(Criticality, Outcome):
            self._photos[key]
        for rung in product(Rung, (False, True)):
            self._answers[rung]
        for reason in (*reasons(), _GONE):
            self._errors[reason]

    def _meet(self, category: str) -> None:
        """Begin all that is counted of a shard, for the same reason."""
        self._shard_seconds[category]
        for state in ShardState:
            self._shards[category, state]


def _slug_of(category: str) -> str:
    return slug(category) if category else BASELINE_SLUG
