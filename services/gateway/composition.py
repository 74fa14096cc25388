"""What a gateway is made of: where snapshots are, whom it calls, how much it takes on, and what measures it."""

import asyncio
import random
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

from prometheus_client import Gauge

from services.common.admission import Admission
from services.common.errors import AisleError
from services.common.process_metrics import ProcessMetrics
from services.common.security.dialling import Dialler
from services.common.security.peer_certificates import PeerCertificates
from services.common.telemetry import get_logger
from services.gateway.answering.agreement import AgreementCheck
from services.gateway.answering.catalog import Catalog
from services.gateway.answering.ladder import Ladder
from services.gateway.answering.ports import Models, NoRecord, PhotoRecord
from services.gateway.config import GatewaySettings
from services.gateway.following.beginning import first_catalog
from services.gateway.following.catalogs import Catalogs
from services.gateway.following.roll_call import RollCall
from services.gateway.peers.meeting import meet
from services.gateway.peers.membership import SearcherPeers, TritonPeers
from services.gateway.peers.model_fit import ModelPair, beginning_pair
from services.gateway.peers.model_replicas import ModelReplicas
from services.gateway.peers.name_service import Dns
from services.gateway.peers.searcher_client import SearcherClient
from services.gateway.peers.served_models import ServedModels
from services.gateway.peers.topology import read_topology
from services.gateway.replicas.extra_calls import ExtraCalls, ExtraRules
from services.gateway.replicas.hedging import Hedging
from services.gateway.watching.metrics import AgreementMetrics, ServiceMetrics
from services.gateway.watching.model_metrics import MeasuredModels
from services.gateway.watching.photo_metrics import PhotoMetrics
from services.gateway.watching.recent_answers import RecentAnswers
from services.gateway.watching.replica_metrics import ReplicaKind, ReplicaMetrics
from services.snapshot.store import SnapshotStore

_log = get_logger()

_RETRIES: Final = ExtraRules(share=0.1)
"""Of models' calls: what searchers may cost has nothing to do with stepping over a lost Triton."""


@dataclass(frozen=True, slots=True)
class Snapshots:
    """Where snapshots are published, and the one to begin with."""

    store: SnapshotStore
    wanted_id: str

    @classmethod
    async def of(cls, settings: GatewaySettings, resources: AsyncExitStack) -> "Snapshots":
        """Look at what is published; raise SnapshotNotFound when nothing is."""
        store = SnapshotStore(settings.snapshot_root)
        resources.callback(store.close)
        return cls(store, settings.snapshot_id or await asyncio.to_thread(store.beginning_id))

    async def space_id(self) -> str:
        """Return the space of the wanted one's vectors; empty when it can't be read, so that another one is taken."""
        try:
            return (await asyncio.to_thread(self.store.manifest, self.wanted_id)).space_id
        except AisleError:
            return ""

    async def beginning(self, catalogs: Catalogs, roll_call: RollCall, *, follows: bool) -> Catalog:
        """Return what to begin with: a gateway that follows CURRENT may take one before it (`beginning.py`)."""
        if not follows:
            return await catalogs.of(self.wanted_id)
        predecessors = self.store.predecessors
        return await first_catalog(
            self.wanted_id, predecessors=predecessors, catalog_of=catalogs.of, roll_call=roll_call
        )


@dataclass(frozen=True, slots=True)
class Peers:
    """Whom the gateway calls.

    Attributes:
        tritons: all Tritons.
        served: which models they serve.
        models: asks them.
        retries: the calls to second Tritons.
        searching: all searchers.
        searchers: asks them.
        hedges: the calls to second searchers of a shard.
    """

    tritons: TritonPeers
    served: ServedModels
    models: ModelReplicas
    retries: ExtraCalls
    searching: SearcherPeers
    searchers: SearcherClient
    hedges: ExtraCalls


async def meet_peers(settings: GatewaySettings, snapshots: Snapshots, resources: AsyncExitStack) -> Peers:
    """Find Tritons and searchers, and wait for the first Triton; a searcher that is not there yet is only said.

    Raises:
        ModelUnavailable: Triton or one of its models can't be reached.
        SettingsInvalid: the topology or a certificate is unusable.
    """
    topology = await asyncio.to_thread(read_topology, settings.topology)
    dns, rules = Dns(), settings.watch_rules
    resources.push_async_callback(dns.close)

    tritons = TritonPeers(settings.triton, dns, rules, Dialler(settings.triton_credentials))
    resources.push_async_callback(tritons.close)
    served = tritons.begin_with(await _models_to_begin_with(settings, tritons, snapshots))
    retries = ExtraCalls(_RETRIES, time.monotonic)
    models = ModelReplicas(
        tritons.tritons,
        served,
        embedding=Hedging(tritons.embedding, retries, time.monotonic),
        classifying=Hedging(tritons.classifying, retries, time.monotonic),
    )

    searching = SearcherPeers(topology.shards, dns, rules, Dialler(settings.searcher_credentials))
    resources.push_async_callback(searching.close)
    await searching.look()
    hedges = ExtraCalls(ExtraRules(share=settings.hedge_share), time.monotonic)
    searchers = SearcherClient(searching.map, searching.channels, Hedging(searching.replicas, hedges, time.monotonic))
    if unreachable := await searching.channels.connect(settings.searcher_wait_seconds):
        _log.warning("searchers_unreachable", targets=unreachable)
    return Peers(tritons, served, models, retries, searching, searchers, hedges)


def watch_certificates(
    settings: GatewaySettings, peers: Peers, metrics: ProcessMetrics, resources: AsyncExitStack
) -> None:
    """Note when the certificates that Tritons show expire: they read theirs once, and tell nobody of it."""
    expires = Gauge(
        "aisle_gateway_triton_certificate_expires_seconds",
        "When the first of the certificates that Tritons show expires, in seconds since 1970; 0 for none.",
        registry=metrics.registry,
    )
    if metrics.calls is not None:  # somebody can read it
        addresses = peers.tritons.states
        looking = PeerCertificates(
            settings.triton_credentials, lambda: [each.target for each in addresses()], expires.set
        )
        resources.push_async_callback(looking.close)


async def _models_to_begin_with(settings: GatewaySettings, tritons: TritonPeers, snapshots: Snapshots) -> ModelPair:
    met = await meet(tritons, settings.start_timeout_seconds, others_seconds=settings.searcher_wait_seconds)
    differ = len({pair.embedder.sha256 for pair in met}) > 1
    return beginning_pair(met, await snapshots.space_id() if differ else "")


@dataclass(frozen=True, slots=True)
class Load:
    """How much the gateway takes on: who is in work and who waits, and how far it degrades under that."""

    admission: Admission
    ladder: Ladder

    @classmethod
    def of(cls, settings: GatewaySettings) -> "Load":
        """Begin with nobody in work."""
        return cls(Admission(settings.admission_rules, time.monotonic), Ladder(settings.ladder_rules))


def expose(peers: Peers, load: Load, metrics: ProcessMetrics, resources: AsyncExitStack) -> None:
    """Show Prometheus how much is taken on, and what is known of the replicas; nothing where nobody can read it."""
    if metrics.calls is None:
        return
    ServiceMetrics(metrics.registry, admission=load.admission, ladder=load.ladder, clock=time.monotonic)
    replicas = ReplicaMetrics(
        metrics.registry,
        states={ReplicaKind.SEARCHER: peers.searching.replicas.states, ReplicaKind.TRITON: peers.tritons.states},
        extra={ReplicaKind.SEARCHER: peers.hedges, ReplicaKind.TRITON: peers.retries},
        models=peers.models,
    )
    resources.push_async_callback(replicas.close)


@dataclass(frozen=True, slots=True)
class MeasuredAnswering:
    """What answering uses, measured photo by photo.

    Attributes:
        models: asks them.
        recent: hears what became of every photo.
        check: compares routed answers with exact ones.
    """

    models: Models
    recent: RecentAnswers
    check: AgreementCheck

    @classmethod
    def of(cls, settings: GatewaySettings, peers: Peers, metrics: ProcessMetrics) -> "MeasuredAnswering":
        """Measure in a process's metrics; where nobody can read them, photos are counted for operators only."""
        registry = metrics.registry
        models: Models = peers.models
        record: PhotoRecord = NoRecord()
        if metrics.calls is not None:
            models, record = MeasuredModels(models, registry), PhotoMetrics(registry, settings.metrics_shards)
        check = AgreementCheck(
            peers.searchers,
            settings.agreement_rules,
            AgreementMetrics(registry),
            draw=random.SystemRandom().random,
            clock=time.monotonic,
        )
        return cls(models, RecentAnswers(record, time.monotonic), check)
