"""Builds a gateway from its settings: reads the snapshot, meets the models, connects the searchers, follows CURRENT."""

import asyncio
import random
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial

import grpc.aio
from aisle.operator.v1 import operator_pb2, operator_pb2_grpc
from aisle.search.v1 import search_pb2, search_pb2_grpc

from services.common.admission import Admission
from services.common.observing import CallRecord
from services.common.process_metrics import ProcessMetrics
from services.common.security.dialling import Dialler
from services.common.telemetry import get_logger
from services.gateway.answering.agreement import AgreementCheck
from services.gateway.answering.catalog import Catalog
from services.gateway.answering.decoder import ThreadedDecoder
from services.gateway.answering.ladder import Ladder
from services.gateway.answering.query import ModelVersion
from services.gateway.answering.search import Models, NoRecord, PhotoSearch, Record
from services.gateway.config import GatewaySettings
from services.gateway.following.beginning import first_catalog
from services.gateway.following.joining import join
from services.gateway.following.roll_call import RollCall
from services.gateway.following.rollout import Rollout
from services.gateway.operator_servicer import OperatorServicer
from services.gateway.peers.meeting import meet
from services.gateway.peers.membership import SearcherPeers, TritonPeers
from services.gateway.peers.model_replicas import ModelReplicas
from services.gateway.peers.name_service import Dns
from services.gateway.peers.searcher_client import SearcherClient
from services.gateway.peers.topology import read_topology
from services.gateway.replicas.extra_calls import ExtraCalls, ExtraRules
from services.gateway.replicas.hedging import Hedging
from services.gateway.servicer import SearchServicer
from services.gateway.watching.metrics import AgreementMetrics, ServiceMetrics, SnapshotMetrics
from services.gateway.watching.model_metrics import MeasuredModels
from services.gateway.watching.overview import Overview
from services.gateway.watching.photo_metrics import PhotoMetrics
from services.gateway.watching.recent_answers import RecentAnswers
from services.models.metadata import ModelInfo
from services.snapshot.following import Following
from services.snapshot.store import SnapshotStore

_log = get_logger()

_SEARCH_SERVICE = search_pb2.DESCRIPTOR.services_by_name["SearchService"]
_OPERATOR_SERVICE = operator_pb2.DESCRIPTOR.services_by_name["OperatorService"]

_RETRIES = ExtraRules(share=0.1)
"""Of models' calls: what searchers may cost has nothing to do with stepping over a lost Triton."""


class Gateway:
    """The gateway as the lifecycle knows it (`services.common.lifecycle.Service`)."""

    def __init__(self, settings: GatewaySettings) -> None:
        """Create it; nothing is read or connected before `start`."""
        self._settings = settings
        self._servicer = SearchServicer()
        self._operator_servicer = OperatorServicer()
        self._metrics = ProcessMetrics("gateway", _SEARCH_SERVICE, settings.host, settings.metrics_port)
        self._agreement: AgreementCheck | None = None
        self._resources = AsyncExitStack()

    @property
    def names(self) -> Sequence[str]:
        """The gRPC services."""
        return [_SEARCH_SERVICE.full_name, _OPERATOR_SERVICE.full_name]

    @property
    def calls(self) -> CallRecord | None:
        """What counts the calls."""
        return self._metrics.calls

    def register(self, server: grpc.aio.Server) -> None:
        """Add the servicers."""
        search_pb2_grpc.add_SearchServiceServicer_to_server(self._servicer, server)
        operator_pb2_grpc.add_OperatorServiceServicer_to_server(self._operator_servicer, server)

    async def start(self) -> None:
        """Meet the models and the searchers, and begin with a snapshot that fits both (`beginning.py`).

        Raises:
            SnapshotNotFound: nothing was published yet.
            ModelUnavailable: Triton or one of its models can't be reached.
            SpaceMismatch, SnapshotInvalid: the snapshot was built with another embedder, or its manifest is damaged,
                and there is none before it that fits.
            SettingsInvalid: the topology or a certificate is unusable, the classifier knows no category of the
                snapshot, or the port for metrics can't be bound.
        """
        settings = self._settings
        await self._metrics.expose(self._resources)
        store = SnapshotStore(settings.snapshot_root)
        wanted_id = settings.snapshot_id or await asyncio.to_thread(store.beginning_id)
        topology = await asyncio.to_thread(read_topology, settings.topology)

        dns = Dns()
        self._resources.push_async_callback(dns.close)
        tritons = TritonPeers(settings.triton, dns, settings.watch_rules, Dialler(settings.triton_credentials))
        self._resources.push_async_callback(tritons.close)
        embedder, classifier = await meet(
            tritons, settings.start_timeout_seconds, others_seconds=settings.searcher_wait_seconds
        )
        dialler = Dialler(settings.searcher_credentials)
        searching = SearcherPeers(topology.shards, dns, settings.watch_rules, dialler)
        self._resources.push_async_callback(searching.close)
        await searching.look()

        async def catalog_of(snapshot_id: str) -> Catalog:
            manifest = await asyncio.to_thread(store.manifest, snapshot_id)
            return join(manifest, embedder, classifier, searching.map)

        same_models = tritons.expecting({model.name: model.sha256 for model in (embedder, classifier)})
        decoder = ThreadedDecoder(embedder, classifier, settings.photo_limits, settings.decode_threads)
        self._resources.push_async_callback(decoder.close)
        extra = ExtraCalls(ExtraRules(share=settings.hedge_share), time.monotonic)
        searchers = SearcherClient(
            searching.map, searching.channels, Hedging(searching.replicas, extra, time.monotonic)
        )
        unreachable = await searching.channels.connect(settings.searcher_wait_seconds)
        if unreachable:
            _log.warning("searchers_unreachable", targets=unreachable)
        roll_call = RollCall(searchers, searching.map)
        if settings.follows:
            catalog = await first_catalog(
                wanted_id, predecessors=store.predecessors, catalog_of=catalog_of, roll_call=roll_call
            )
        else:
            catalog = await catalog_of(wanted_id)
        registry = self._metrics.registry
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
        ServiceMetrics(
            registry,
            admission=admission,
            ladder=ladder,
            extra=extra,
            retries=retries,
            searchers=searching.replicas,
            tritons=(tritons.embedding, tritons.classifying),
            clock=time.monotonic,
        )
        models: Models = ModelReplicas(
            tritons.tritons,
            same_models,
            embedding=Hedging(tritons.embedding, retries, time.monotonic),
            classifying=Hedging(tritons.classifying, retries, time.monotonic),
            are_joined=embedder.joined and classifier.joined,
        )
        versions = (_version(embedder), _version(classifier))
        record: Record = NoRecord()
        if self._metrics.calls is not None:  # somebody can read what is counted
            models = MeasuredModels(models, registry, versions)
            record = PhotoMetrics(registry, settings.metrics_shards)
        recent = RecentAnswers(record, time.monotonic)
        search = PhotoSearch(
            catalog=catalog,
            versions=versions,
            decoder=decoder,
            models=models,
            searchers=searchers,
            admission=admission,
            ladder=ladder,
            rules=settings.search_rules,
            record=recent,
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
        self._follow(store, rollout, catalog.key.snapshot_id)
        self._operator_servicer.serve(
            Overview(
                serving=search,
                tritons=tritons,
                searching=searching,
                telling=searchers,
                published_id=partial(asyncio.to_thread, store.current_id) if settings.follows else None,
                admission=admission,
                ladder=ladder,
                recent=recent,
                clock=time.monotonic,
            )
        )
        self._servicer.serve(search)

    def _follow(self, store: SnapshotStore, rollout: Rollout, served_id: str) -> None:
        if self._settings.follows:
            current_id = partial(asyncio.to_thread, store.current_id)
            period_seconds = self._settings.follow_seconds
            following = Following(current_id, rollout, served_id=served_id, period_seconds=period_seconds)
            self._resources.push_async_callback(following.close)

    def drain(self) -> None:
        """Let the open streams end, and give up what no caller waits for."""
        self._servicer.drain()
        if self._agreement is not None:
            self._agreement.drain()

    async def close(self) -> None:
        """Close channels and threads, last opened first."""
        await self._resources.aclose()


def _version(model: ModelInfo) -> ModelVersion:
    return ModelVersion(model.name, model.version, model.sha256)
