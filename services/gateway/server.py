"""Builds a gateway from its settings: reads the snapshot, meets the models, connects the searchers, follows CURRENT."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial

import grpc.aio
from aisle.operator.v1 import operator_pb2, operator_pb2_grpc
from aisle.search.v1 import search_pb2, search_pb2_grpc

from services.common.observing import CallRecord
from services.common.process_metrics import ProcessMetrics
from services.gateway.answering.agreement import AgreementCheck
from services.gateway.answering.catalog import Catalog
from services.gateway.answering.decoder import ThreadedDecoder
from services.gateway.answering.search import PhotoSearch
from services.gateway.composition import (
    Load,
    MeasuredAnswering,
    Peers,
    Snapshots,
    expose,
    meet_peers,
    watch_certificates,
)
from services.gateway.config import GatewaySettings
from services.gateway.following.catalogs import Catalogs
from services.gateway.following.roll_call import RollCall
from services.gateway.following.rollout import Rollout
from services.gateway.operator_servicer import OperatorServicer
from services.gateway.servicer import SearchServicer
from services.gateway.watching.metrics import SnapshotMetrics
from services.gateway.watching.overview import Overview
from services.snapshot.following import Following
from services.snapshot.store import SnapshotStore

_SEARCH_SERVICE = search_pb2.DESCRIPTOR.services_by_name["SearchService"]
_OPERATOR_SERVICE = operator_pb2.DESCRIPTOR.services_by_name["OperatorService"]


class Gateway:
    """The gateway as the lifecycle knows it (`services.common.lifecycle.Service`)."""

    def __init__(self, settings: GatewaySettings) -> None:
        """Create it; nothing is read or connected before `start`."""
        self._settings = settings
        self._servicer = SearchServicer()
        self._operator_servicer = OperatorServicer()
        self._metrics = ProcessMetrics("gateway", _SEARCH_SERVICE, settings.metrics_address, settings.metrics_port)
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
        snapshots = await Snapshots.of(settings, self._resources)
        peers = await meet_peers(settings, snapshots, self._resources)
        watch_certificates(settings, peers, self._metrics, self._resources)
        catalogs = Catalogs(snapshots.store.manifest, peers.served, peers.searching.map)
        roll_call = RollCall(peers.searchers, peers.searching.map)
        catalog = await snapshots.beginning(catalogs, roll_call, follows=settings.follows)
        load = Load.of(settings)
        expose(peers, load, self._metrics, self._resources)
        measured = MeasuredAnswering.of(settings, peers, self._metrics)
        search = self._answer_with(catalog, peers, load, measured)
        peers.served.fit_to(lambda: search.catalog.categories)
        self._follow(snapshots.store, search, catalogs, roll_call)
        self._operator_servicer.serve(self._overview(snapshots.store, search, peers, load, measured))
        self._servicer.serve(search)

    def _answer_with(self, catalog: Catalog, peers: Peers, load: Load, measured: MeasuredAnswering) -> PhotoSearch:
        settings = self._settings
        decoder = ThreadedDecoder(
            peers.served.embedder, catalog.classifier, settings.photo_limits, settings.decode_threads
        )
        self._resources.push_async_callback(decoder.close)
        self._agreement = measured.check
        self._resources.push_async_callback(measured.check.close)
        return PhotoSearch(
            catalog=catalog,
            decoder=decoder,
            models=measured.models,
            searchers=peers.searchers,
            admission=load.admission,
            ladder=load.ladder,
            rules=settings.search_rules,
            record=measured.recent,
            on_routed=measured.check.consider,
        )

    def _follow(self, store: SnapshotStore, search: PhotoSearch, catalogs: Catalogs, roll_call: RollCall) -> None:
        settings = self._settings
        rollout = Rollout(
            search,
            roll_call,
            catalog_of=catalogs.of,
            record=SnapshotMetrics(self._metrics.registry),
            patience_seconds=settings.rollout_patience_seconds,
        )
        self._resources.push_async_callback(rollout.close)
        if settings.follows:
            following = Following(
                partial(asyncio.to_thread, store.current_id),
                rollout,
                served_id=search.catalog.key.snapshot_id,
                period_seconds=settings.follow_seconds,
            )
            self._resources.push_async_callback(following.close)

    def _overview(
        self, store: SnapshotStore, search: PhotoSearch, peers: Peers, load: Load, measured: MeasuredAnswering
    ) -> Overview:
        return Overview(
            serving=search,
            tritons=peers.tritons,
            searching=peers.searching,
            telling=peers.searchers,
            published_id=partial(asyncio.to_thread, store.current_id) if self._settings.follows else None,
            admission=load.admission,
            ladder=load.ladder,
            recent=measured.recent,
            clock=time.monotonic,
        )

    def drain(self) -> None:
        """Let the open streams end, and give up what no caller waits for."""
        self._servicer.drain()
        if self._agreement is not None:
            self._agreement.drain()

    async def close(self) -> None:
        """Close channels and threads, last opened first."""
        await self._resources.aclose()
