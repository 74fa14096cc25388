"""What a searcher is called in a cluster: DNS labels that no two shards share. Pure."""

from services.snapshot.manifest import BASELINE_SLUG, ShardEntry


def searcher_name(shard: ShardEntry) -> str:
    """Return the name of a searcher that serves one shard; slugs leave room for what stands before them.

    The baseline's does not begin as the others do, so that no category can have it.
    """
    return "baseline-searcher" if shard.slug == BASELINE_SLUG else f"searcher-{shard.slug}"


def pack_name(bits: str) -> str:
    """Return the name of a searcher of several small shards.

    Args:
        bits: its place in the tree of packs, as `packing` has it; empty when there is one pack only.
    """
    return "small-searcher" + (f"-{bits}" if bits else "")
