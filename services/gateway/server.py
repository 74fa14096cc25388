"""Builds a gateway from its settings: reads the snapshot, meets the models, connects the searchers, follows CURRENT."""

import asyncio
import random
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial

import grpc.aio
from aisle.search.v1 import search_pb2, search_pb2_grpc
from prometheus_client import CollectorRegistry

from services.common.admission import Admission
from services.common.errors import ModelUnavailable, SpaceMismatch
from services.common.loop_lag import LoopLag
from services.common.metrics import Exposition
from services.common.telemetry import get_logger
from services.gateway.agreement import AgreementCheck
from services.gateway.beginning import first_catalog
from services.gateway.catalog import Catalog
from services.gateway.config import GatewaySettings
from services.gateway.decoder import ThreadedDecoder
from services.gateway.extra_calls import ExtraCalls, ExtraRules
from services.gateway.hedging import Hedging
from services.gateway.joining import join
from services.gateway.ladder import Ladder
from services.gateway.metrics import AgreementMetrics, ServiceMetrics, SnapshotMetrics
from services.gateway.model_replicas import ModelReplicas
from services.gateway.query import ModelVersion
from services.gateway.replicas import EjectionRules, Replicas
from services.gateway.roll_call import RollCall
from services.gateway.rollout import Rollout
from services.gateway.same_models import SameModels
from services.gateway.search import PhotoSearch
from services.gateway.searcher_client import SearcherClient
from services.gateway.servicer import SearchServicer
from services.gateway.topology import read_topology, targets_of
from services.models.client import CLASSIFIER, EMBEDDER, TritonModels
from services.models.metadata import ModelInfo
from services.snapshot.following import Following
from services.snapshot.store import SnapshotStore

_log = get_logger()

_POLL_SECONDS = 0.1
_RETRIES = ExtraRules(share=0.1)
"""Of models' calls: what searchers may cost has nothing to do with stepping over a lost Triton."""


class Gateway:
    """The gateway as the lifecycle knows it (`services.common.lifecycle.Service`)."""

    def __init__(self, settings: GatewaySettings) -> None:
        """Create it; nothing is read or connected before `start`."""
        self._settings = settings
        self._servicer = SearchServicer()
        self._agreement: AgreementCheck | None = None
        self._resources = AsyncExitStack()

    @property
    def names(self) -> Sequence[str]:
        """The gRPC services."""
        return [search_pb2.DESCRIPTOR.services_by_name["SearchService"].full_name]

    def register(self, server: grpc.aio.Server) -> None:
        """Add the servicer."""
        search_pb2_grpc.add_SearchServiceServicer_to_server(self._servicer, server)

    async def start(self) -> None:
        """Meet the models and the searchers, and begin with a snapshot that fits both (`beginning.py`).

        Raises:
            SnapshotNotFound: nothing was published yet.
            ModelUnavailable: Triton or one of its models can't be reached.
            SpaceMismatch, SnapshotInvalid: the snapshot was built with another embedder, or its manifest is damaged,
                and there is none before it that fits.
            SettingsInvalid: the topology is unusable, the classifier knows no category of the snapshot, or the port for
                metrics can't be bound.
        """
        settings = self._settings
        store = SnapshotStore(settings.snapshot_root)
        wanted_id = settings.snapshot_id or await asyncio.to_thread(store.current_id)
        topology = await asyncio.to_thread(read_topology, settings.topology)

        tritons = {target: TritonModels(target) for target in settings.triton}
        for triton in tritons.values():
            self._resources.push_async_callback(triton.close)
        embedder, classifier = await _meet(
            tritons, settings.start_timeout_seconds, others_seconds=settings.searcher_wait_seconds
        )

        async def catalog_of(snapshot_id: str) -> Catalog:
            manifest = await asyncio.to_thread(store.manifest, snapshot_id)
            return join(manifest, embedder, classifier, topology.shards)

        embedding, classifying = _replicas(settings.triton), _replicas(settings.triton)
        same_models = SameModels(
            tritons,
            {model.name: model.sha256 for model in (embedder, classifier)},
            on_connected=partial(_tried_next, (embedding, classifying)),
        )
        self._resources.push_async_callback(same_models.close)
        decoder = ThreadedDecoder(embedder, classifier, settings.photo_limits, settings.decode_threads)
        self._resources.push_async_callback(decoder.close)
        extra = ExtraCalls(ExtraRules(share=settings.hedge_share), time.monotonic)
        replicas = _replicas(targets_of(topology.shards))
        searchers = SearcherClient(topology.shards, Hedging(replicas, extra, time.monotonic))
        self._resources.push_async_callback(searchers.close)
        unreachable = await searchers.connect(settings.searcher_wait_seconds)
        if unreachable:
            _log.warning("searchers_unreachable", targets=unreachable)
        roll_call = RollCall(searchers, topology.shards)
        if settings.follows:
            catalog = await first_catalog(
                wanted_id, predecessors=store.predecessors, catalog_of=catalog_of, roll_call=roll_call
            )
        else:
            catalog = await catalog_of(wanted_id)
        registry = CollectorRegistry()
        await self._expose(registry)
        self._agreement = AgreementCheck(
            searchers,
            settings.agreement_rules,
            AgreementMetrics(registry),
            draw=random.SystemRandom().random,
            clock=time.monotonic,
        )
        self._resources.push_async_callback(self._agreement.close)
        admission = Admission(settings.admission_rules, time.monotonic)
        ladder = Ladder(settings.ladder_rules)
        retries = ExtraCalls(_RETRIES, time.monotonic)
        metrics = ServiceMetrics(
            registry,
            admission=admission,
            ladder=ladder,
            extra=extra,
            searchers=replicas,
            tritons=(embedding, classifying),
            clock=time.monotonic,
        )
        self._resources.push_async_callback(LoopLag(metrics.loop_lag).close)
        search = PhotoSearch(
            catalog=catalog,
            versions=(_version(embedder), _version(classifier)),
            decoder=decoder,
            models=ModelReplicas(
                tritons,
                same_models,
                embedding=Hedging(embedding, retries, time.monotonic),
                classifying=Hedging(classifying, retries, time.monotonic),
            ),
            searchers=searchers,
            admission=admission,
            ladder=ladder,
            rules=settings.search_rules,
            record=metrics,
            on_routed=self._agreement.consider,
        )
        rollout = Rollout(
            search,
            roll_call,
            catalog_of=catalog_of,
            record=SnapshotMetrics(registry),
            patience_seconds=settings.rollout_patience_seconds,
        )
        self._resources.push_async_callback(rollout.close)
        if settings.follows:
            following = Following(
                partial(asyncio.to_thread, store.current_id),
                rollout,
                served_id=catalog.key.snapshot_id,
                period_seconds=settings.follow_seconds,
            )
            self._resources.push_async_callback(following.close)
        self._servicer.serve(search)

    def drain(self) -> None:
        """Let the open streams end, and give up what no caller waits for."""
        self._servicer.drain()
        if self._agreement is not None:
            self._agreement.drain()

    async def close(self) -> None:
        """Close channels and threads, last opened first."""
        await self._resources.aclose()

    async def _expose(self, registry: CollectorRegistry) -> None:
        host, port = self._settings.host, self._settings.metrics_port
        if port:
            exposition = await asyncio.to_thread(Exposition, registry, host, port)
            self._resources.push_async_callback(asyncio.to_thread, exposition.close)
            _log.info("metrics", host=host, port=port)


def _replicas(targets: Iterable[str]) -> Replicas:
    return Replicas(targets, EjectionRules(), clock=time.monotonic, lot=random.SystemRandom().random)


def _tried_next(models: Iterable[Replicas], target: str) -> None:
    for replicas in models:
        replicas.connected(target)


async def _meet(
    tritons: Mapping[str, TritonModels], timeout_seconds: float, others_seconds: float
) -> tuple[ModelInfo, ModelInfo]:
    """Return what the embedder and the classifier say about themselves.

    Args:
        tritons: by target.
        timeout_seconds: how long the first one may take to be ready.
        others_seconds: how long the others may take after it; a missing one does not keep us from serving.

    Raises:
        ModelUnavailable: none is ready.
        SpaceMismatch: they serve different models.
    """
    waiting = {asyncio.create_task(_ready(triton)): target for target, triton in tritons.items()}
    try:
        done, _ = await asyncio.wait(waiting, timeout=timeout_seconds, return_when=asyncio.FIRST_COMPLETED)
        if not done:
            raise ModelUnavailable(f"no Triton of {', '.join(tritons)} was ready within {timeout_seconds:g} s")
        done, missing = await asyncio.wait(waiting, timeout=others_seconds)
    finally:
        for task in waiting:
            task.cancel()
    if missing:
        _log.warning("tritons_not_ready", targets=sorted(waiting[task] for task in missing))
    met = [await _describe(tritons[waiting[task]]) for task in done]
    if len({tuple(model.sha256 for model in models) for models in met}) > 1:
        raise SpaceMismatch(f"the Tritons {', '.join(tritons)} serve different models; let them serve the same")
    return met[0]


async def _ready(triton: TritonModels) -> None:
    while not await triton.ready():  # noqa: ASYNC110 - Triton has no event to wait for
        await asyncio.sleep(_POLL_SECONDS)


async def _describe(triton: TritonModels) -> tuple[ModelInfo, ModelInfo]:
    return await triton.describe(EMBEDDER), await triton.describe(CLASSIFIER)


def _version(model: ModelInfo) -> ModelVersion:
    return ModelVersion(model.name, model.version, model.sha256)
