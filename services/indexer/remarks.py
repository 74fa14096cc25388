"""What people should know about the indexes of a new snapshot, a sentence each. Pure."""

from services.indexer.index_choice import index_factories
from services.snapshot.index_rules import IndexRules
from services.snapshot.manifest import Manifest, Segment


def index_remarks(manifest: Manifest) -> list[str]:
    """Return what is not as the snapshot's rules want it, about the indexes that it brings itself.

    One that was chosen by size gives way to another kind when it does not find enough; one that was asked for stays.
    """
    return [
        remark
        for shard in manifest.shards
        for segment in shard.segments
        if not segment.index.file.origin and (remark := _remark(shard.slug, segment, manifest))
    ]


def _remark(slug: str, segment: Segment, manifest: Manifest) -> str:
    index, rules = segment.index, manifest.index_rules
    what = f"shard {slug}, {segment.images:,} images: "
    if index.recall_at_10 < rules.wanted_recall:
        return (
            f"{what}its index {index.factory} finds {index.recall_at_10:.1%} of the ten best products, less than the "
            f"{rules.wanted_recall:.1%} that are wanted"
        )
    chosen = _chosen(segment, manifest.dimension, rules)
    return (
        f"{what}an index {chosen} did not find enough, so {index.factory} was built" if index.factory != chosen else ""
    )


def _chosen(segment: Segment, dimension: int, rules: IndexRules) -> str:
    return rules.factory or index_factories(segment.images, dimension, rules.memory_limit_bytes)[0]
