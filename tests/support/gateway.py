"""What the gateway's use case stands on, in memory: a manifest, and fakes of its ports.

Every fake keeps a diary of what was asked of it and of what was cancelled; a test makes it fail by giving it an error.
"""

import asyncio
import math
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from services.common.admission import Admission, AdmissionRules
from services.common.concurrency_limit import LimitRules
from services.common.criticality import Criticality
from services.common.errors import AisleError, DeadlineExceeded
from services.gateway.answering.agreement import Routed
from services.gateway.answering.budget import BudgetRules
from services.gateway.answering.catalog import Catalog, SnapshotKey
from services.gateway.answering.gathering import GatherRules
from services.gateway.answering.ladder import Ladder, LadderRules
from services.gateway.answering.merging import ShardHits
from services.gateway.answering.plan import RankedShard
from services.gateway.answering.ports import Classified, ModelInputs
from services.gateway.answering.query import Answer, ModelVersion, Policy, Query
from services.gateway.answering.scatter import ShardQuery
from services.gateway.answering.search import PhotoSearch, SearchRules
from services.gateway.replicas.hedging import Reply
from services.models.metadata import ModelInfo
from services.photo.intake import PhotoReport, Pixels
from services.photo.region import Region
from services.relevance.scoring import PriorFusion, SimilarityMap
from services.relevance.waves import Waves
from services.snapshot.manifest import BASELINE_SLUG, EmbedderEntry, FusionEntry, Manifest, Relevance
from tests.support.clocks import ManualClock
from tests.support.shards import entry_of

CATEGORIES = ("Bags", "Coats", "Shirts", "Shoes")
EMBEDDER = ModelInfo("embedder", "e-1", "ab" * 32, "resize-square-1", 4, 4, output_size=4, max_batch_size=8)
CLASSIFIER = ModelInfo("classifier", "c-1", "cd" * 32, "resize-square-1", 2, 2, 4, max_batch_size=8, labels=CATEGORIES)
VERSIONS = (ModelVersion.of(EMBEDDER), ModelVersion.of(CLASSIFIER))
REPORT = PhotoReport("JPEG", 640, 480, 6, 2, cropped=False)
WEIGHTS = PriorFusion(evidence_weight=1.0, prior_weight=1.0, prior_floor=0.1, bias=0.0)
WAVES = Waves(first_mass=0.7, weak_below=0.5, second_mass=0.95)
RULES = SearchRules(
    top_p_mass=0.9,
    budget=BudgetRules(default_seconds=2.0, max_seconds=30.0, reserve_seconds=0.005, scatter_share=0.2),
    gather=GatherRules(light_mass=0.0, light_seconds=0.0),
)
KEY = SnapshotKey("20260131T120000Z-0123456789ab", "0123456789abcdef", 4)
"""Of every manifest that `manifest_of` makes, if nothing else is said."""
ADMISSION = AdmissionRules(LimitRules(least=8, most=8), max_waiting=0)
LIKELY = 1 / (1 + math.exp(-2.5))
"""What the map of shards that nothing was fitted to makes of a similarity of 0.75: log-odds of 10 x 0.75 - 5."""


def manifest_of(
    categories: Sequence[str] = CATEGORIES,
    *,
    baseline: bool = False,
    maps: Mapping[str, SimilarityMap] | None = None,
    relevance: Relevance | None = None,
    snapshot_id: str = KEY.snapshot_id,
) -> Manifest:
    """Return a manifest whose files are nowhere; a category's slug is its name in lower case."""
    known = maps or {}
    shards = [entry_of(category.lower(), category, images=4, products=2) for category in categories]
    shards = [
        shard.model_copy(update={"similarity_map": known.get(shard.category, shard.similarity_map)}) for shard in shards
    ]
    if baseline:
        shards.append(entry_of(BASELINE_SLUG, "", images=8, products=4))
    return Manifest(
        snapshot_id=snapshot_id,
        created_at="2026-01-31T12:00:00Z",
        space_id=KEY.space_id,
        dimension=KEY.dimension,
        metric="inner_product",
        embedder=EmbedderEntry(name="embedder", version="e-1", sha256="ab" * 32, preprocessing="resize-square-1"),
        dataset="memory",
        image_root="",
        skipped_images=0,
        relevance=relevance,
        shards=tuple(shards),
    )


def relevance_of(
    *, classifier_sha256: str = VERSIONS[1].sha256, weights: PriorFusion = WEIGHTS, waves: Waves = WAVES
) -> Relevance:
    """Return what photos may have taught a snapshot about a classifier: matches from 0.6 on, fused ones from 0.7."""
    fusion = FusionEntry(classifier_sha256=classifier_sha256, weights=weights, waves=waves, match_threshold=0.7)
    return Relevance(photos=100, match_threshold=0.6, fusion=fusion)


def hits_of(products: Mapping[str, float], category: str = "A", *, exhausted: bool = True) -> ShardHits:
    """Return what a shard found, given the similarity of each product, best first."""
    return ShardHits(
        product_ids=list(products),
        image_ids=[f"{product}-image" for product in products],
        image_paths=[f"{product}.jpg" for product in products],
        categories=[category] * len(products),
        similarities=np.array(list(products.values()), dtype=np.float32),
        exhausted=exhausted,
    )


class Gate:
    """A door that calls wait at, and that knows how many came and how many were sent away while they waited."""

    def __init__(self, *, is_open: bool = True) -> None:
        self.entered = 0
        self.cancelled = 0
        self._open = asyncio.Event()
        if is_open:
            self._open.set()

    def open(self) -> None:
        """Let all through from now on."""
        self._open.set()

    async def passage(self) -> None:
        """Wait until the door is open."""
        self.entered += 1
        try:
            await self._open.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise

    async def was_entered(self, times: int = 1) -> None:
        """Wait until that many calls have come."""
        await until(lambda: self.entered >= times)


@dataclass
class FakeDecoder:
    """Knows one photo.

    Attributes:
        error: raised instead, when set.
        gate: every call waits at it.
        asked: what was decoded.
    """

    error: AisleError | None = None
    gate: Gate = field(default_factory=Gate)
    asked: list[tuple[bytes, Region | None]] = field(default_factory=list)

    async def decode(self, image: bytes, region: Region | None, timeout_seconds: float) -> ModelInputs:
        """Return white pixels."""
        self.asked.append((image, region))
        try:
            async with asyncio.timeout(timeout_seconds):
                await self.gate.passage()
        except TimeoutError:
            raise DeadlineExceeded("the photo was not decoded") from None
        if self.error is not None:
            raise self.error
        return ModelInputs(np.full((1, 4, 4, 3), 255, np.uint8), np.full((1, 2, 2, 3), 255, np.uint8), REPORT)


@dataclass
class FakeModels:
    """Answers every picture alike.

    Attributes:
        probabilities: of the labels, in the order of `CATEGORIES`.
        embed_error: raised by `embed`, when set.
        classify_error: raised by `classify`, when set.
        are_joined: whether one model is both; then `classify` is nobody's to call.
        classifiers: those that serve.
        answering: the classifier that answers the next photo; the last of those that serve when None.
        embedding: every call of `embed` waits at it.
        classifying: every call of `classify` waits at it.
        timeouts: the seconds that each call was given, by model.
    """

    probabilities: Sequence[float] = (0.1, 0.6, 0.2, 0.1)
    embed_error: Exception | None = None
    classify_error: Exception | None = None
    are_joined: bool = False
    classifiers: tuple[ModelInfo, ...] = (CLASSIFIER,)
    answering: ModelInfo | None = None
    embedding: Gate = field(default_factory=Gate)
    classifying: Gate = field(default_factory=Gate)
    timeouts: dict[str, float] = field(default_factory=dict)
    embedder: ModelInfo = EMBEDDER

    @property
    def classified(self) -> Classified:
        """What a classifier says."""
        probabilities = np.array([self.probabilities], dtype=np.float32)
        return Classified(probabilities, self.answering or self.classifiers[-1])

    async def embed(self, pixels: Pixels, timeout_seconds: float) -> NDArray[np.float32]:
        """Return a unit vector."""
        assert pixels.shape == (1, 4, 4, 3)
        self.timeouts["embedder"] = timeout_seconds
        await self.embedding.passage()
        if self.embed_error is not None:
            raise self.embed_error
        return np.array([[1, 0, 0, 0]], dtype=np.float32)

    async def classify(self, pixels: Pixels, timeout_seconds: float) -> Classified:
        """Return the probabilities."""
        assert not self.are_joined
        assert pixels.shape == (1, 2, 2, 3)
        self.timeouts["classifier"] = timeout_seconds
        await self.classifying.passage()
        if self.classify_error is not None:
            raise self.classify_error
        return self.classified

    async def embed_and_classify(
        self, pixels: Pixels, timeout_seconds: float
    ) -> tuple[NDArray[np.float32], Classified]:
        """Return both."""
        assert self.are_joined
        vectors = await self.embed(pixels, timeout_seconds)
        self.timeouts["both"] = self.timeouts.pop("embedder")
        return vectors, self.classified


@dataclass
class FakeSearchers:
    """Finds the same products whatever the query vector is.

    Attributes:
        products: per shard's slug the similarity of each product, best first; other shards hold one product.
        reach: the most products that a shard's index finds, by slug; an exact search finds all.
        errors: raised instead of an answer, by slug.
        exact_error: raised instead of an exact answer, when set.
        gates: calls wait at them, by slug.
        asked: how often each shard was asked.
        timeouts: the seconds that each shard was given.
        weights: what would be lost without it, as they were told; None for one that must not be hedged.
        hedged: shards whose answers are those of a second replica.
        queries: what they were asked.
    """

    products: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    reach: Mapping[str, int] = field(default_factory=dict)
    errors: Mapping[str, Exception] = field(default_factory=dict)
    exact_error: Exception | None = None
    gates: Mapping[str, Gate] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    timeouts: dict[str, float] = field(default_factory=dict)
    weights: dict[str, float | None] = field(default_factory=dict)
    hedged: Collection[str] = ()
    queries: list[ShardQuery] = field(default_factory=list)

    async def search(
        self, shard: RankedShard, query: ShardQuery, timeout_seconds: float, hedge_weight: float | None
    ) -> Reply[ShardHits]:
        """Return at most `top_k` products."""
        slug = shard.slug
        self.asked[slug] += 1
        self.timeouts[slug] = timeout_seconds
        self.weights[slug] = hedge_weight
        self.queries.append(query)
        if slug in self.gates:
            await self.gates[slug].passage()
        if slug in self.errors:
            raise self.errors[slug]
        if query.exact and self.exact_error is not None:
            raise self.exact_error
        products = self.products.get(slug, {f"{slug}-product": 0.5})
        most = query.top_k if query.exact else min(query.top_k, self.reach.get(slug, query.top_k))
        found = dict(list(products.items())[:most])
        hits = hits_of(found, slug.capitalize(), exhausted=len(found) == len(products))
        return Reply(hits, hedged=slug in self.hedged)


@dataclass
class FakeRecord:
    """Remembers what became of the photos.

    Attributes:
        answers: the answers.
        reasons: the errors' reasons.
    """

    answers: list[Answer] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)

    def answered(self, answer: Answer, criticality: Criticality, seconds: float) -> None:  # noqa: ARG002
        """Keep it."""
        self.answers.append(answer)

    def failed(self, error: BaseException, criticality: Criticality) -> None:  # noqa: ARG002
        """Keep its reason."""
        self.reasons.append(error.reason if isinstance(error, AisleError) else type(error).__name__)


def photo_search(
    *,
    manifest: Manifest | None = None,
    classifier: ModelInfo = CLASSIFIER,
    decoder: FakeDecoder | None = None,
    models: FakeModels | None = None,
    searchers: FakeSearchers | None = None,
    rules: SearchRules = RULES,
    admission: AdmissionRules = ADMISSION,
    ladder: LadderRules | None = None,
    record: FakeRecord | None = None,
    on_routed: Callable[[Routed, int], None] = lambda *_: None,
    clock: Callable[[], float] | None = None,
) -> PhotoSearch:
    """Return the use case over fakes; whatever is not given works at once."""
    clock = clock or ManualClock()
    return PhotoSearch(
        catalog=Catalog.of(manifest or manifest_of(), classifier),
        decoder=decoder or FakeDecoder(),
        models=models or FakeModels(classifiers=(classifier,)),
        searchers=searchers or FakeSearchers(),
        admission=Admission(admission, clock),
        ladder=Ladder(ladder or LadderRules()),
        rules=rules,
        record=record or FakeRecord(),
        on_routed=on_routed,
        clock=clock,
    )


async def until(condition: Callable[[], bool], timeout_seconds: float = 5.0) -> None:
    """Let the event loop go on until the condition holds; fail when it does not in time."""
    async with asyncio.timeout(timeout_seconds):
        while not condition():  # noqa: ASYNC110 - any condition, so there is no event for it
            await asyncio.sleep(0.001)


def query(policy: Policy = Policy.ALL, **others: object) -> Query:
    """Return a query for a photo."""
    return Query(image=b"photo", policy=policy, **others)  # type: ignore[arg-type]
