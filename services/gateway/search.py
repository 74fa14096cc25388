"""The use case: one photo's way from bytes to products, within a budget. Knows no gRPC."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from services.common.errors import AisleError, CoverageTooLow, DeadlineExceeded, Overloaded
from services.common.telemetry import get_logger
from services.gateway.budget import Budget, BudgetRules
from services.gateway.catalog import Catalog
from services.gateway.coverage import Coverage, ShardCoverage, ShardState, cover
from services.gateway.fusion import fuse
from services.gateway.merging import Hit, ShardHits, merge_top_k
from services.gateway.query import Answer, ModelVersion, Policy, Query, Rung
from services.gateway.routing import Plan, RankedShard, RoutingRules, route
from services.gateway.stopwatch import Stopwatch
from services.photo.intake import PhotoReport, Pixels
from services.photo.region import Region

_log = get_logger()

# What a person can take in; the probabilities beyond these are close to 0.
_SHOWN_CATEGORIES = 10
_RETRY_AFTER_SECONDS = 0.1

Embedding = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ModelInputs:
    """A photo as the two models take it, RGB uint8 `[1, H, W, 3]` each, and what was done to it."""

    embedder: Pixels
    classifier: Pixels
    report: PhotoReport


class Decoder(Protocol):
    """Turns a photo's bytes into the models' pixels, off the event loop."""

    async def decode(self, image: bytes, region: Region | None) -> ModelInputs:
        """Raise ImageUnreadable or ImageTooLarge for what is no usable photo."""
        ...


class Models(Protocol):
    """The two models, as `services.models.client.TritonModels` serves them."""

    async def embed(self, pixels: Pixels, timeout_seconds: float) -> Embedding:
        """Return unit vectors float32 `[N, D]`."""
        ...

    async def classify(self, pixels: Pixels, timeout_seconds: float) -> npt.NDArray[np.float32]:
        """Return probabilities float32 `[N, labels]`."""
        ...


class Searchers(Protocol):
    """The searchers, whichever process and replica a shard lives on."""

    async def search(self, slug: str, query_vector: bytes, top_k: int, timeout_seconds: float) -> ShardHits:
        """Return the best products of one shard; raise DeadlineExceeded when late and another AisleError when lost."""
        ...


@dataclass(frozen=True, slots=True)
class SearchRules:
    """How the gateway decides: routing, budget, and how many photos it works on at once."""

    routing: RoutingRules
    budget: BudgetRules
    max_in_flight: int


class PhotoSearch:
    """Answers photos: decode, embed and classify side by side, route, scatter, merge."""

    def __init__(
        self,
        *,
        catalog: Catalog,
        versions: tuple[ModelVersion, ...],
        decoder: Decoder,
        models: Models,
        searchers: Searchers,
        rules: SearchRules,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Create the use case.

        Args:
            catalog: what can be searched.
            versions: the embedder's and the classifier's version, in this order.
            decoder: turns bytes into pixels.
            models: embeds and classifies.
            searchers: search the shards.
            rules: how to decide.
            clock: seconds, monotonic.
        """
        self.catalog = catalog
        self.versions = versions
        self._decoder = decoder
        self._models = models
        self._searchers = searchers
        self._rules = rules
        self._clock = clock
        self._in_flight = 0

    async def answer(self, query: Query, remaining_seconds: float | None) -> Answer:
        """Answer one photo.

        Args:
            query: the photo and what is wanted of it.
            remaining_seconds: what the caller's deadline leaves; None when it set none.

        Raises:
            AisleError: see the status codes of `SearchService.Search`.
        """
        budget = Budget.begin(self._clock(), remaining_seconds, self._rules.budget)
        if self._in_flight >= self._rules.max_in_flight:
            raise Overloaded(
                f"{self._in_flight} photos are in work, which is all this gateway takes",
                retry_after_seconds=_RETRY_AFTER_SECONDS,
            )
        self._in_flight += 1
        try:
            return await self._within(budget, query)
        finally:
            self._in_flight -= 1

    async def _within(self, budget: Budget, query: Query) -> Answer:
        watch = Stopwatch(self._clock)
        # Before any work: whoever asks for what this snapshot lacks should not have to wait for the models to hear it.
        fixed_plan = self._fixed_plan(query)
        with watch.stage("decode"):
            inputs = await self._decode(budget, query)

        vector, probabilities = await self._ask_models(budget, watch, inputs, wants_classifier=fixed_plan is None)

        with watch.stage("route"):
            ranked = () if probabilities is None else self.catalog.rank(probabilities)
            rung = Rung.FULL if fixed_plan or ranked else Rung.NO_CLASSIFIER
            plan = fixed_plan or self._plan(query, ranked)
        with watch.stage("scatter"):
            found, coverage = await self._scatter(budget, plan, vector, query.top_k)
        with watch.stage("merge"):
            hits = self._merge(plan, found, query.top_k)

        _require(coverage, query.minimum_coverage, hits)
        return Answer(
            hits=hits,
            categories=tuple((shard.category, shard.probability) for shard in ranked[:_SHOWN_CATEGORIES]),
            coverage=coverage,
            photo=inputs.report,
            stage_seconds=watch.finish(),
            snapshot_id=self.catalog.manifest.snapshot_id,
            models=self.versions if probabilities is not None else self.versions[:1],
            rung=rung,
        )

    async def _decode(self, budget: Budget, query: Query) -> ModelInputs:
        try:
            async with asyncio.timeout(budget.for_models(self._clock())):
                return await self._decoder.decode(query.image, query.region)
        except TimeoutError:
            raise DeadlineExceeded("the photo was not decoded within the deadline; allow more time") from None

    async def _ask_models(
        self, budget: Budget, watch: Stopwatch, inputs: ModelInputs, *, wants_classifier: bool
    ) -> tuple[bytes, npt.NDArray[np.float32] | None]:
        """Return the query vector's bytes and the classifier's probabilities, None when it was lost or not asked."""
        timeout_seconds = budget.for_models(self._clock())
        classifying = (
            asyncio.create_task(self._classify(watch, inputs.classifier, timeout_seconds)) if wants_classifier else None
        )
        try:
            with watch.stage("embed"):
                vectors = await self._models.embed(inputs.embedder, timeout_seconds)
            probabilities = None if classifying is None else await classifying
        finally:
            if classifying is not None:
                classifying.cancel()  # without a vector, or without a caller, nobody wants its answer
        return vectors[0].astype("<f4", copy=False).tobytes(), probabilities

    async def _classify(
        self, watch: Stopwatch, pixels: Pixels, timeout_seconds: float
    ) -> npt.NDArray[np.float32] | None:
        try:
            with watch.stage("classify"):
                probabilities = await self._models.classify(pixels, timeout_seconds)
        except AisleError as lost:
            _log.warning("classifier_lost", reason=lost.reason, error=lost.message)
            return None  # the answer says so with its rung; every shard is searched instead
        first: npt.NDArray[np.float32] = probabilities[0]
        return first

    def _fixed_plan(self, query: Query) -> Plan | None:
        """Return the plan of a query that needs no classifier, None for all others."""
        if query.categories:
            return Plan(self.catalog.chosen(query.categories))
        if query.policy is Policy.BASELINE:
            return route(query.policy, (), self.catalog.baseline, self._rules.routing)
        return None

    def _plan(self, query: Query, ranked: tuple[RankedShard, ...]) -> Plan:
        if not ranked:
            return Plan(self.catalog.indifferent())
        return route(query.policy, ranked, self.catalog.baseline, self._rules.routing, query.probability_mass)

    async def _scatter(
        self, budget: Budget, plan: Plan, vector: bytes, top_k: int
    ) -> tuple[list[ShardHits | None], Coverage]:
        """Ask every planned shard at once; return what each found, None for those that are missing."""
        timeout_seconds = budget.for_scatter(self._clock())
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(self._ask_shard(shard, vector, top_k, timeout_seconds)) for shard in plan.shards]
        outcomes = [task.result() for task in asked]
        return [hits for hits, _ in outcomes], cover([shard for _, shard in outcomes])

    async def _ask_shard(
        self, shard: RankedShard, vector: bytes, top_k: int, timeout_seconds: float
    ) -> tuple[ShardHits | None, ShardCoverage]:
        asked_at = self._clock()
        hits, state, detail = None, ShardState.ANSWERED, ""
        try:
            hits = await self._searchers.search(shard.slug, vector, top_k, timeout_seconds)
        except DeadlineExceeded as late:
            state, detail = ShardState.LATE, late.message
        except AisleError as lost:
            state, detail = ShardState.FAILED, f"{lost.reason}: {lost.message}"
            _log.warning("shard_lost", shard=shard.slug, reason=lost.reason, error=lost.message)
        latency_seconds = self._clock() - asked_at
        return hits, ShardCoverage(shard.category, state, shard.probability, latency_seconds, detail)

    @staticmethod
    def _merge(plan: Plan, found: list[ShardHits | None], top_k: int) -> tuple[Hit, ...]:
        scored = [
            (hits, fuse(hits.similarities, shard.calibration, shard.probability, plan.prior_weight))
            for shard, hits in zip(plan.shards, found, strict=True)
            if hits is not None
        ]
        return merge_top_k(scored, top_k)


def _require(coverage: Coverage, minimum: float, hits: tuple[Hit, ...]) -> None:
    if not coverage.reaches(minimum):
        raise CoverageTooLow(
            f"the answer covers {coverage.share:.3f} of the probability mass, less than the minimum of {minimum:.3f}; "
            f"{len(hits)} products were found",
            field="minimum_coverage",
        )
