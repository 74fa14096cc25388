"""A whole search in the test's process: tiny models in a real Triton, real searchers, a real gateway, and the truth.

The truth is computed the plainest way: ONNX Runtime in process, one matrix product over every vector, one sort.
"""

import hashlib
import json
import math
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from aisle.search.v1 import search_pb2, search_pb2_grpc
from numpy.typing import NDArray
from PIL import Image

from services.gateway.config import GatewaySettings
from services.gateway.server import Gateway
from services.photo.intake import PREPROCESSING, read_photo
from services.photo.region import Region
from services.relevance.scoring import UNFITTED, PriorFusion
from services.relevance.waves import Waves
from services.searcher.config import SearcherSettings
from services.searcher.server import Searcher
from services.snapshot.manifest import BASELINE_SLUG, EmbedderEntry, FusionEntry, Relevance
from tests.support import tiny_models
from tests.support.pictures import encoded
from tests.support.servers import channel_to, serving
from tests.support.snapshots import PublishedSnapshot, publish_snapshot
from tests.support.tiny_models import SIDE, run_in_process

# The classifier knows "shoe", which is not sold here, and no "hat", which is.
IMAGES = {"bag": 40, "coat": 31, "dress": 26, "hat": 13, "shirt": 22}
EMBEDDER = EmbedderEntry(
    name="embedder",
    version="tiny-embedder-1",
    sha256=hashlib.sha256(tiny_models.embedder()).hexdigest(),
    preprocessing=PREPROCESSING,
)
# As if it had been learned: the prior counts as much as the similarity, and a tenth of it is spread over everything.
FUSION = FusionEntry(
    classifier_sha256=hashlib.sha256(tiny_models.classifier()).hexdigest(),
    weights=PriorFusion(evidence_weight=1.0, prior_weight=1.0, prior_floor=0.1, bias=0.0),
    waves=Waves(first_mass=0.6, weak_below=0.0, second_mass=0.6),
    match_threshold=0.5,
)


def publish(
    root: Path,
    *,
    baseline: bool = True,
    embedder: EmbedderEntry = EMBEDDER,
    fusion: FusionEntry = FUSION,
    seed: int = 0,
) -> PublishedSnapshot:
    """Publish the gallery that every test of the gateway searches; each seed makes other pictures of its products.

    Larger seeds make later snapshots.
    """
    return publish_snapshot(
        root,
        IMAGES,
        dimension=tiny_models.DIMENSION,
        images_per_product=3,
        baseline=baseline,
        embedder=embedder,
        relevance=Relevance(photos=100, match_threshold=0.5, fusion=fusion),
        seed=seed,
        hours_later=seed,
    )


@cache
def photo(seed: int, kind: str = "PNG") -> bytes:
    """Return a picture of coloured squares; each seed makes another one."""
    squares = np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    return encoded(Image.fromarray(squares).resize((96, 96), Image.Resampling.NEAREST), kind)


def pixels_of(data: bytes, region: Region | None = None) -> NDArray[np.uint8]:
    """Return what both tiny models take of a photo, uint8 `(1, 8, 8, 3)`."""
    return read_photo(data, region=region, least_side=SIDE).pixels(SIDE, SIDE)[np.newaxis]


def probabilities_of(data: bytes, sign: float = 1.0) -> dict[str, float]:
    """Return a tiny classifier's view of the categories that are sold here, likeliest first."""
    (output,) = run_in_process(tiny_models.classifier(sign), pixels_of(data))
    known = {label: float(p) for label, p in zip(tiny_models.LABELS, output, strict=True) if label in IMAGES}
    here = {category: known.get(category, 0.0) / sum(known.values()) for category in sorted(IMAGES)}
    return dict(sorted(here.items(), key=lambda entry: -entry[1]))


@dataclass(frozen=True, slots=True)
class TrueHit:
    """What an answer must hold in one place."""

    product_id: str
    image_id: str
    category: str
    similarity: float
    score: float


def true_hits(
    snapshot: PublishedSnapshot,
    data: bytes,
    top_k: int,
    *,
    categories: Iterable[str] = IMAGES,
    priors: Mapping[str, float] | None = None,
    region: Region | None = None,
) -> list[TrueHit]:
    """Return the best products of some categories by brute force over all of their vectors.

    Args:
        snapshot: what is searched.
        data: the photo.
        top_k: products wanted.
        categories: where to look.
        priors: the classifier's view, to be fused in as `FUSION` says; None for similarity alone.
        region: the part of the picture to search for.
    """
    vector = _vector_of(data, region)
    found: dict[str, TrueHit] = {}
    for category in categories:
        images = snapshot.images[category]
        rows = zip(images.product_ids, images.image_ids, (images.vectors @ vector).tolist(), strict=True)
        for product_id, image_id, similarity in rows:
            if product_id not in found or similarity > found[product_id].similarity:
                odds = math.exp(UNFITTED.intercept + UNFITTED.slope * similarity)
                if priors is not None:
                    odds *= (0.9 * priors[category] + 0.1 / len(IMAGES)) * len(IMAGES)
                found[product_id] = TrueHit(product_id, image_id, category, similarity, odds / (1 + odds))
    return sorted(found.values(), key=lambda hit: -hit.score)[:top_k]


@cache
def _vector_of(data: bytes, region: Region | None) -> Any:
    return run_in_process(tiny_models.embedder(), pixels_of(data, region))[0]


@asynccontextmanager
async def searcher(snapshot: PublishedSnapshot, *slugs: str, **settings: float) -> AsyncIterator[str]:
    """Serve shards, and yield the address."""
    serve = SearcherSettings.model_validate({"snapshot_root": str(snapshot.root), "shards": slugs, **settings})
    async with serving(Searcher(serve), serve.port) as address:
        yield address


@dataclass(slots=True)
class Cluster:
    """Searchers, one per shard, and a gateway before them.

    Attributes:
        snapshot: what is served.
        gateway: for looking inside.
        address: the gateway's.
        stub: calls the gateway.
        searchers: by slug; closing one stops that searcher.
    """

    snapshot: PublishedSnapshot
    gateway: Gateway
    address: str
    stub: search_pb2_grpc.SearchServiceStub
    searchers: Mapping[str, AsyncExitStack]

    async def search(
        self, data: bytes, *, timeout_seconds: float | None = 10.0, **fields: object
    ) -> search_pb2.SearchResponse:
        """Call Search."""
        request = search_pb2.SearchRequest(image=data, **fields)  # type: ignore[arg-type]
        response: search_pb2.SearchResponse = await self.stub.Search(request, timeout=timeout_seconds)
        return response

    @property
    def in_flight(self) -> int:
        """Photos in work right now."""
        search = self.gateway._servicer._search
        return 0 if search is None else search._admission.in_flight


@asynccontextmanager
async def cluster(
    folder: Path,
    snapshot: PublishedSnapshot,
    triton: str,
    *,
    without: Sequence[str] = (),
    lent: Mapping[str, str] | None = None,
    follow_seconds: float = 1.0,
    **settings: object,
) -> AsyncIterator[Cluster]:
    """Start a searcher per shard and a gateway.

    Args:
        folder: for the topology.
        snapshot: what is served.
        triton: where the models are.
        without: shards that the topology leaves out.
        lent: per shard another one whose searcher the topology takes for its second replica.
        follow_seconds: how often all of them look at CURRENT.
        **settings: the gateway's.
    """
    async with AsyncExitStack() as stack:
        slugs = [slug for slug in (*IMAGES, BASELINE_SLUG) if slug in snapshot.images]
        searchers = {slug: await stack.enter_async_context(AsyncExitStack()) for slug in slugs}
        targets = {
            slug: await searchers[slug].enter_async_context(searcher(snapshot, slug, follow_seconds=follow_seconds))
            for slug in slugs
        }
        others = {slug: [targets[other]] for slug, other in (lent or {}).items()}
        topology = write_topology(
            folder, {slug: [at, *others.get(slug, [])] for slug, at in targets.items() if slug not in without}
        )
        gateway = Gateway(
            GatewaySettings.model_validate(
                {
                    "snapshot_root": str(snapshot.root),
                    "topology": topology,
                    "triton": triton,
                    "follow_seconds": follow_seconds,
                    **settings,
                }
            )
        )
        address = await stack.enter_async_context(serving(gateway))
        channel = await stack.enter_async_context(channel_to(address))
        yield Cluster(snapshot, gateway, address, search_pb2_grpc.SearchServiceStub(channel), searchers)


def write_topology(folder: Path, shards: Mapping[str, Sequence[str]]) -> Path:
    """Write a shard map and return its path."""
    file = folder / "topology.json"
    file.write_text(json.dumps({"shards": shards}))
    return file
