"""The use case: one photo's way from bytes to products, within a budget. Knows no gRPC."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from services.common.admission import Admission
from services.common.criticality import Criticality
from services.common.errors import AisleError, CoverageTooLow
from services.common.recent_times import RecentTimes
from services.common.requests import mention, remark
from services.common.telemetry import get_logger
from services.gateway.answering.agreement import ROUTED_POLICIES, Routed
from services.gateway.answering.budget import Budget, BudgetRules
from services.gateway.answering.catalog import Catalog
from services.gateway.answering.classifier_remarks import remark_on
from services.gateway.answering.coverage import cover
from services.gateway.answering.gathering import Gatherer, GatherRules, merged
from services.gateway.answering.ladder import NARROWED_MASS, Ladder, has_extras, is_narrowed
from services.gateway.answering.plan import Plan
from services.gateway.answering.ports import Classified, Decoder, Embedding, ModelInputs, Models, PhotoRecord
from services.gateway.answering.query import Answer, ModelVersion, Query, Rung
from services.gateway.answering.routing import plan_with_classifier, plan_without_classifier
from services.gateway.answering.scatter import Searchers, ShardQuery
from services.gateway.answering.stopwatch import Stopwatch
from services.photo.intake import Pixels

_log = get_logger()

# What a person can take in; the probabilities beyond these are close to 0.
_SHOWN_CATEGORIES = 10

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SearchRules:
    """How the gateway decides: TOP_P's default mass, the budget, and how far it goes for an answer."""

    top_p_mass: float
    budget: BudgetRules
    gather: GatherRules


class PhotoSearch:
    """Answers photos: decode, embed and classify side by side, route, gather, merge."""

    def __init__(
        self,
        *,
        catalog: Catalog,
        decoder: Decoder,
        models: Models,
        searchers: Searchers,
        admission: Admission,
        ladder: Ladder,
        rules: SearchRules,
        record: PhotoRecord,
        on_routed: Callable[[Routed, int], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Create the use case.

        Args:
            catalog: what can be searched, until `serve` is called.
            decoder: turns bytes into pixels.
            models: embeds and classifies.
            searchers: search the shards.
            admission: how many photos are worked on at once, and which.
            ladder: how far to degrade under load.
            rules: how to decide.
            record: hears what became of every photo.
            on_routed: hears of every complete answer for which the classifier chose the shards, and how many other
                photos are in work; it must not wait.
            clock: seconds, monotonic.
        """
        self._catalog = catalog
        self._decoder = decoder
        self._models = models
        self._gatherer = Gatherer(searchers, rules.gather, clock)
        self._admission = admission
        self._ladder = ladder
        self._rules = rules
        self._record = record
        self._on_routed = on_routed
        self._clock = clock
        self._embed_times = RecentTimes(clock)

    @property
    def catalog(self) -> Catalog:
        """What is searched for the next photo, as the classifier sees it that was seen last."""
        classifier = self._models.classifiers[-1]
        if classifier.sha256 != (before := self._catalog.classifier).sha256:
            self._catalog = self._catalog.seen_by(classifier)
            _log.info("classifier_changed", version=classifier.version, sha256=classifier.sha256, before=before.version)
            remark_on(self._catalog)
        return self._catalog

    @property
    def versions(self) -> tuple[ModelVersion, ...]:
        """The embedder's version, and those of the classifiers that serve: one but while another takes its place."""
        return tuple(map(ModelVersion.of, (self._models.embedder, *self._models.classifiers)))

    def serve(self, catalog: Catalog) -> None:
        """Search this from the next photo on; those in work end with the snapshot that they began with."""
        self._catalog = catalog

    def refused(self, error: AisleError, criticality: Criticality) -> None:
        """Count a photo that never became a query, for what its request says can't be."""
        self._record.failed(error, criticality)

    async def answer(self, query: Query, remaining_seconds: float | None) -> Answer:
        """Answer one photo.

        Args:
            query: the photo and what is wanted of it.
            remaining_seconds: what the caller's deadline leaves; None when it set none.

        Raises:
            AisleError: see the status codes of `SearchService.Search`.
        """
        began = self._clock()
        try:
            answer = await self._admitted(query, Budget.begin(began, remaining_seconds, self._rules.budget))
        except BaseException as error:
            self._record.failed(error, query.criticality)
            raise
        self._record.answered(answer, query.criticality, self._clock() - began)
        if answer.coverage.partial or answer.rung is not Rung.FULL:
            mention(rung=answer.rung.value, covered=round(answer.coverage.share, 3))
        return answer

    async def _admitted(self, query: Query, budget: Budget) -> Answer:
        # Before any work: whoever asks for what this snapshot lacks should not have to wait to hear it.
        catalog = self.catalog  # for all of this photo's way: another one may be served before its end
        catalog.check(query.predicate)
        fixed_plan = plan_without_classifier(query, catalog)
        remaining_seconds = budget.for_scatter(self._clock())
        async with self._admission.admitted(query.criticality, remaining_seconds, is_usual=not query.exact):
            answer = await self._within(budget, query, catalog, fixed_plan)
        _require(answer, query.minimum_coverage)
        return answer

    async def _within(self, budget: Budget, query: Query, catalog: Catalog, fixed_plan: Plan | None) -> Answer:
        watch = Stopwatch(self._clock)
        now = self._clock()
        step = self._ladder.rung(self._admission.pressure(now), now)
        with watch.stage("decode"):
            inputs = await self._decode(budget, query)

        vector, classified = await self._ask_models(budget, watch, inputs, wants_classifier=fixed_plan is None)

        with watch.stage("route"):
            if classified is not None:  # it need not be the one of the photo before: Tritons are replaced one by one
                catalog = catalog.seen_by(classified.classifier)
            ranked = () if classified is None else catalog.rank(classified.probabilities[0])
            # What is lost weighs more for the caller than what was given up; the plan keeps to both.
            rung = Rung.NO_CLASSIFIER if fixed_plan is None and classified is None else step
            plan = fixed_plan or plan_with_classifier(query, catalog, ranked, self._rules.top_p_mass)
            if ranked and is_narrowed(step):
                plan = plan.narrowed(NARROWED_MASS, query.minimum_coverage)
        coarse, batch = step is Rung.COARSE, query.criticality is Criticality.BATCH
        asked = ShardQuery(
            catalog.key, vector, query.top_k, query.exact, coarse=coarse, batch=batch, predicate=query.predicate
        )
        with watch.stage("scatter"):
            answers = await self._gatherer.gather(
                plan, asked, budget, minimum_coverage=query.minimum_coverage, extras=has_extras(step)
            )
        with watch.stage("merge"):
            hits = merged(answers, plan.scoring, query.top_k)
            coverage = cover([answer.coverage for answer in answers])

        answer = Answer(
            hits=hits,
            categories=tuple((shard.category, shard.probability) for shard in ranked[:_SHOWN_CATEGORIES]),
            coverage=coverage,
            photo=inputs.report,
            stage_seconds=watch.finish(),
            snapshot_id=catalog.key.snapshot_id,
            models=self._took_part(classified),
            rung=rung,
            verdict=plan.scoring.verdict(hits[0].score if hits else None),
        )
        if ranked and query.policy in ROUTED_POLICIES and has_extras(step) and not coverage.partial:
            self._on_routed(Routed(query.policy, asked, ranked, plan.scoring, hits), self._admission.in_flight - 1)
        return answer

    def _took_part(self, classified: Classified | None) -> tuple[ModelVersion, ...]:
        embedder = ModelVersion.of(self._models.embedder)
        return (embedder,) if classified is None else (embedder, ModelVersion.of(classified.classifier))

    async def _decode(self, budget: Budget, query: Query) -> ModelInputs:
        return await self._decoder.decode(query.image, query.region, budget.for_models(self._clock()))

    async def _ask_models(
        self, budget: Budget, watch: Stopwatch, inputs: ModelInputs, *, wants_classifier: bool
    ) -> tuple[bytes, Classified | None]:
        """Return the query vector's bytes and what the classifier says, None when it was lost or not asked."""
        # With nothing else in work, what it took under load may no longer hold: only trying can tell.
        needed = (self._embed_times.median or 0.0) if self._admission.in_flight > 1 else 0.0
        timeout_seconds = budget.for_models(self._clock(), needed)
        classified: Classified | None
        if wants_classifier and self._models.are_joined:
            both = self._models.embed_and_classify(inputs.embedder, timeout_seconds)
            vectors, classified = await self._embedded(watch, both)
            return _bytes_of(vectors), classified
        classifying = (
            asyncio.create_task(self._classify(watch, inputs.classifier, timeout_seconds)) if wants_classifier else None
        )
        try:
            vectors = await self._embedded(watch, self._models.embed(inputs.embedder, timeout_seconds))
            classified = None if classifying is None else await classifying
        finally:
            if classifying is not None:
                classifying.cancel()  # without a vector, or without a caller, nobody wants its answer
        return _bytes_of(vectors), classified

    async def _embedded(self, watch: Stopwatch, answer: Awaitable[T]) -> T:
        began = self._clock()
        with watch.stage("embed"):
            embedded = await answer
        self._embed_times.add(self._clock() - began)
        return embedded

    async def _classify(self, watch: Stopwatch, pixels: Pixels, timeout_seconds: float) -> Classified | None:
        try:
            with watch.stage("classify"):
                return await self._models.classify(pixels, timeout_seconds)
        except AisleError as lost:
            remark(_log, "classifier_lost", reason=lost.reason, error=lost.message)
            return None  # the answer says so with its rung; every shard is searched instead


def _bytes_of(vectors: Embedding) -> bytes:
    first: Embedding = vectors[0].astype("<f4", copy=False)
    return first.tobytes()


def _require(answer: Answer, minimum: float) -> None:
    if not answer.coverage.reaches(minimum):
        too_low = CoverageTooLow(
            f"the answer covers {answer.coverage.share:.3f} of the probability mass, less than the minimum of "
            f"{minimum:.3f}; {len(answer.hits)} products were found",
            field="minimum_coverage",
        )
        too_low.found = answer
        raise too_low
