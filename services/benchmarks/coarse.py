"""What a graph index finds when it looks half as closely, as on the rung COARSE, against an exact search."""

import faiss
import numpy as np
from numpy.typing import NDArray

from services.benchmarks.quality_targets import CoarseRecall
from services.indexer.index_choice import index_factory
from services.searcher.items import Items
from services.searcher.shard import Shard
from services.snapshot.manifest import FileEntry, Segment, ShardEntry

_IMAGES, _PRODUCTS, _QUERIES, _DIMENSION, _TOP_K = 50_000, 5_000, 500, 256, 10
_SPREAD = 0.7
"""Of the pictures around their product, relative to the products' own: two pictures of one product have a cosine of
about 0.67."""
_LATENT = 32
"""Directions in which products and pictures really differ: an embedder's vectors fill a small part of their space, and
graphs are far worse where they fill all of it."""


def coarse_recall(seed: int = 20) -> CoarseRecall:
    """Measure a shard of 50,000 pictures of 5,000 products, drawn by lot, with the index that the indexer chooses."""
    lot = np.random.default_rng(seed)
    products, turn = lot.standard_normal((_PRODUCTS, _LATENT)), lot.standard_normal((_LATENT, _DIMENSION))
    shard = _shard(_around(products, np.arange(_IMAGES) % _PRODUCTS, lot) @ turn)
    queries = _unit(_around(products, lot.integers(_PRODUCTS, size=_QUERIES), lot) @ turn)
    exact = shard.search(queries, _TOP_K, exact=True)
    shares = []
    for coarse in (False, True):
        found = shard.search(queries, _TOP_K, coarse=coarse)
        pairs = zip(exact, found, strict=True)
        shares.append(float(np.mean([len({*a.product_ids} & {*b.product_ids}) / _TOP_K for a, b in pairs])))
    return CoarseRecall(usual=shares[0], coarse=shares[1])


def _around(products: NDArray[np.float64], which: NDArray[np.int64], lot: np.random.Generator) -> NDArray[np.float64]:
    return products[which] + _SPREAD * lot.standard_normal((len(which), _LATENT))


def _unit(vectors: NDArray[np.float64]) -> NDArray[np.float32]:
    unit: NDArray[np.float32] = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit


def _shard(vectors: NDArray[np.float64]) -> Shard:
    factory = index_factory(len(vectors))
    index = faiss.index_factory(_DIMENSION, factory, faiss.METRIC_INNER_PRODUCT)
    index.add(_unit(vectors))
    nothing = FileEntry(path="none", size_bytes=0, sha256="0" * 64)
    entry = ShardEntry(
        slug="drawn",
        category="drawn",
        images=_IMAGES,
        products=_PRODUCTS,
        index_factory=factory,
        segments=(Segment(images=_IMAGES, index=nothing, items=nothing, golden=nothing),),
    )
    names = np.arange(_IMAGES).astype(str).astype(object)
    items = Items(
        image_ids=names,
        image_paths=names,
        product_of_row=np.arange(_IMAGES, dtype=np.int64) % _PRODUCTS,
        product_ids=names[:_PRODUCTS],
        categories=np.full(_PRODUCTS, "drawn", dtype=object),
    )
    return Shard(entry, index, items)
