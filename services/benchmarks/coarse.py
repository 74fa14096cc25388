"""What a graph index finds when it looks half as closely, as on the rung COARSE, against an exact search."""

import faiss
import numpy as np

from services.benchmarks.gallery import DrawnCategory, Gallery, Shape
from services.benchmarks.quality_targets import CoarseRecall
from services.indexer.index_choice import index_factory
from services.searcher.items import Items
from services.searcher.shard import Shard
from services.snapshot.manifest import FileEntry, Segment, ShardEntry

_SHAPE = Shape(images=50_000, products=5_000, categories=1)
_QUERIES, _TOP_K = 500, 10


def coarse_recall(seed: int = 20) -> CoarseRecall:
    """Measure a shard of 50,000 pictures of 5,000 products, drawn by lot, with the index that the indexer chooses."""
    gallery = Gallery(_SHAPE, seed)
    shard, queries = _shard(gallery.category(0)), gallery.photos(_QUERIES).vectors
    exact = shard.search(queries, _TOP_K, exact=True)
    shares = []
    for coarse in (False, True):
        found = shard.search(queries, _TOP_K, coarse=coarse)
        pairs = zip(exact, found, strict=True)
        shares.append(float(np.mean([len({*a.product_ids} & {*b.product_ids}) / _TOP_K for a, b in pairs])))
    return CoarseRecall(usual=shares[0], coarse=shares[1])


def _shard(drawn: DrawnCategory) -> Shard:
    images, dimension = drawn.vectors.shape
    factory = index_factory(images)
    index = faiss.index_factory(dimension, factory, faiss.METRIC_INNER_PRODUCT)
    index.add(drawn.vectors)
    nothing = FileEntry(path="none", size_bytes=0, sha256="0" * 64)
    entry = ShardEntry(
        slug="drawn",
        category="drawn",
        images=images,
        products=_SHAPE.products,
        index_factory=factory,
        segments=(Segment(images=images, index=nothing, items=nothing, golden=nothing),),
    )
    names = np.arange(images).astype(str).astype(object)
    items = Items(
        image_ids=names,
        image_paths=names,
        product_of_row=drawn.product_of_row,
        product_ids=names[: _SHAPE.products],
        categories=np.full(_SHAPE.products, "drawn", dtype=object),
    )
    return Shard(entry, index, items)
