"""Which shards are worth folding into one segment. Pure."""

from dataclasses import dataclass

from services.snapshot.manifest import ShardEntry


@dataclass(frozen=True, slots=True)
class CompactionRules:
    """When folding a shard pays.

    Every segment is searched, so each costs every answer a little; withdrawn rows are found and thrown away. Folding
    builds the shard's index anew, and the new snapshot shares nothing of it with the old one.

    Attributes:
        most_segments: shards with more segments are folded.
        most_withdrawn_share: so are those of whose rows more than this share is withdrawn.
    """

    most_segments: int = 4
    most_withdrawn_share: float = 0.2


EVERYTHING = CompactionRules(most_segments=1, most_withdrawn_share=0.0)
"""Fold whatever can be folded."""


def is_due(shard: ShardEntry, rules: CompactionRules) -> bool:
    """Return whether a shard is worth folding."""
    rows = sum(segment.images for segment in shard.segments)
    withdrawn = rows - shard.images
    return len(shard.segments) > rules.most_segments or withdrawn > rules.most_withdrawn_share * rows
