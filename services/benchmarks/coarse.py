"""What an index finds when it looks half as closely, as on the rung COARSE, against an exact search."""

import numpy as np

from services.benchmarks.gallery import Gallery, Shape
from services.benchmarks.quality_targets import CoarseRecall
from services.indexer.building import build_index
from services.neighbours.products import Part, nearest_products
from services.neighbours.vector_index import Effort

_SHAPE = Shape(images=50_000, products=5_000, categories=1)
_QUERIES, _TOP_K = 500, 10


def coarse_recall(seed: int = 20) -> CoarseRecall:
    """Measure a shard of 50,000 pictures of 5,000 products, drawn by lot, with the index that the indexer chooses."""
    gallery = Gallery(_SHAPE, seed)
    drawn, photos = gallery.category(0), gallery.photos(_QUERIES).vectors
    part = Part(build_index(drawn.vectors, drawn.product_of_row).searchable)
    products = {
        effort: [
            {*drawn.product_of_row[found.rows].tolist()}
            for found in nearest_products([part], drawn.product_of_row, photos, _TOP_K, effort)
        ]
        for effort in Effort
    }
    recall = {
        effort: float(
            np.mean([len(a & b) / _TOP_K for a, b in zip(products[effort], products[Effort.EXACT], strict=True)])
        )
        for effort in (Effort.TUNED, Effort.COARSE)
    }
    return CoarseRecall(usual=recall[Effort.TUNED], coarse=recall[Effort.COARSE])
