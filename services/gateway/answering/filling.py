"""Which shards can still add products to an answer that came out short. Pure.

Every shard is asked for as many products as the caller wants, each once. So one shard that has as many makes the answer
complete, however many products it shares with others; and an answer can only be short when every shard gave fewer.
Those that have no more products can't help. Those that have more were let down by their approximate index, which
asking again would not change: they have to compare exactly.
"""

from collections.abc import Sequence

from services.gateway.answering.merging import ShardHits


def to_ask_exactly(found: Sequence[ShardHits | None], top_k: int) -> tuple[int, ...]:
    """Return the places of the shards that can fill up a short answer by an exact search; none when it is not short.

    Args:
        found: what each shard found when it was asked for `top_k` products; None for those that are missing.
        top_k: distinct products wanted, at least 1.
    """
    products = {product for hits in found if hits is not None for product in hits.product_ids}
    if len(products) >= top_k:
        return ()
    return tuple(place for place, hits in enumerate(found) if hits is not None and not hits.exhausted)
