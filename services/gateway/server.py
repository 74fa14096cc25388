"""Builds a gateway from its settings: reads the snapshot, meets the models, connects the searchers."""

import asyncio
import random
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack

import grpc.aio
from aisle.search.v1 import search_pb2, search_pb2_grpc
from prometheus_client import CollectorRegistry

from services.common.errors import ModelUnavailable, SettingsInvalid, SpaceMismatch
from services.common.metrics import Exposition
from services.common.telemetry import get_logger
from services.gateway.agreement import AgreementCheck
from services.gateway.catalog import Catalog
from services.gateway.config import GatewaySettings
from services.gateway.decoder import ThreadedDecoder
from services.gateway.metrics import AgreementMetrics
from services.gateway.query import ModelVersion
from services.gateway.search import PhotoSearch
from services.gateway.searcher_client import SearcherClient
from services.gateway.servicer import SearchServicer
from services.gateway.topology import read_topology
from services.models.client import CLASSIFIER, EMBEDDER, TritonModels
from services.models.metadata import ModelInfo
from services.photo.intake import PREPROCESSING
from services.snapshot.manifest import Manifest
from services.snapshot.store import SnapshotStore

_log = get_logger()

_POLL_SECONDS = 0.1


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
        """Read the snapshot, check that its vectors are of the embedder that serves, and connect.

        Raises:
            SnapshotNotFound: nothing was published yet.
            ModelUnavailable: Triton or one of its models can't be reached.
            SpaceMismatch: the snapshot was built with another embedder.
            SettingsInvalid: the topology is unusable, the classifier knows no category of the snapshot, or the port for
                metrics can't be bound.
        """
        settings = self._settings
        store = SnapshotStore(settings.snapshot_root)
        manifest = await asyncio.to_thread(store.manifest, settings.snapshot_id or None)
        topology = await asyncio.to_thread(read_topology, settings.topology)

        models = TritonModels(settings.triton)
        self._resources.push_async_callback(models.close)
        await _wait_for(models, settings)
        embedder, classifier = await models.describe(EMBEDDER), await models.describe(CLASSIFIER)
        _check_space(manifest, embedder, classifier)
        catalog = _join(manifest, classifier)

        decoder = ThreadedDecoder(embedder, classifier, settings.photo_limits, settings.decode_threads)
        self._resources.push_async_callback(decoder.close)
        unserved = [shard.slug for shard in manifest.shards if not topology.shards.get(shard.slug)]
        if unserved:
            _log.warning("shards_without_searcher", shards=unserved)
        searchers = SearcherClient(topology.shards, manifest)
        self._resources.push_async_callback(searchers.close)
        unreachable = await searchers.connect(settings.searcher_wait_seconds)
        if unreachable:
            _log.warning("searchers_unreachable", targets=unreachable)
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
        self._servicer.serve(
            PhotoSearch(
                catalog=catalog,
                versions=(_version(embedder), _version(classifier)),
                decoder=decoder,
                models=models,
                searchers=searchers,
                rules=settings.search_rules,
                on_routed=self._agreement.consider,
            )
        )

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


async def _wait_for(models: TritonModels, settings: GatewaySettings) -> None:
    try:
        async with asyncio.timeout(settings.start_timeout_seconds):
            while not await models.ready():  # noqa: ASYNC110 - Triton has no event to wait for
                await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError:
        raise ModelUnavailable(
            f"Triton at {settings.triton} was not ready within {settings.start_timeout_seconds:g} s"
        ) from None


def _check_space(manifest: Manifest, embedder: ModelInfo, classifier: ModelInfo) -> None:
    if embedder.space.space_id != manifest.space_id:
        raise SpaceMismatch(
            f"snapshot {manifest.snapshot_id} holds vectors of space {manifest.space_id} "
            f"({manifest.embedder.version}), but Triton serves space {embedder.space.space_id} ({embedder.version}); "
            "index the catalogue again, or serve the embedder that it was built with"
        )
    for model in (embedder, classifier):
        if model.preprocessing != PREPROCESSING:
            raise SpaceMismatch(
                f"model {model.name} wants preprocessing {model.preprocessing!r}; this release does {PREPROCESSING!r}"
            )


def _join(manifest: Manifest, classifier: ModelInfo) -> Catalog:
    catalog = Catalog.join(manifest, classifier.labels, classifier.sha256)
    unroutable = catalog.unroutable
    if len(unroutable) == len(catalog.shards):
        raise SettingsInvalid(
            f"the classifier ({classifier.version}) knows none of the snapshot's categories; "
            f"the snapshot's first is {unroutable[0]!r}, the classifier's {classifier.labels[0]!r}"
        )
    if unroutable:
        _log.warning("categories_unknown_to_classifier", categories=unroutable)
    if catalog.fusion is None:
        _log.warning(
            "adaptive_is_not_fitted",
            classifier=classifier.version,
            effect="ADAPTIVE searches every shard and ranks by similarity alone",
            remedy="index the catalogue again, with held-out photos, while this classifier serves",
        )
    return catalog


def _version(model: ModelInfo) -> ModelVersion:
    return ModelVersion(model.name, model.version, model.sha256)
