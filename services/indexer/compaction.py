"""Which segments of a shard are worth folding into one. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from services.snapshot.manifest import Segment, ShardEntry


@dataclass(frozen=True, slots=True)
class CompactionRules:
    """When folding pays.

    Every segment is searched, so each costs every answer a little; withdrawn rows are found and thrown away. Folding
    builds an index anew, and that of a shard's largest segment takes nearly all the time: it is touched only when much
    has changed.

    Attributes:
        most_segments: of a shard with more segments, all but the largest are folded, or all where one is the most.
        most_withdrawn_share: of whose rows more than this share is withdrawn, that is folded: the largest segment with
            all others, or the others.
        most_tail_share: when the others have more rows than this share of the largest, all are folded.
    """

    most_segments: int = 4
    most_withdrawn_share: float = 0.2
    most_tail_share: float = 0.25


EVERYTHING = CompactionRules(most_segments=1, most_withdrawn_share=0.0, most_tail_share=0.0)
"""Fold whatever can be folded."""


def due_segments(shard: ShardEntry, rules: CompactionRules) -> Collection[int]:
    """Return the places of the segments that are worth folding into one; none when nothing is."""
    segments = shard.segments
    largest = max(range(len(segments)), key=lambda place: _live(segments[place]))
    tail = [place for place in range(len(segments)) if place != largest]
    others = [segments[place] for place in tail]
    is_long = len(segments) > rules.most_segments
    if (
        _is_worn([segments[largest]], rules)
        or sum(map(_live, others)) > rules.most_tail_share * _live(segments[largest])
        or (is_long and rules.most_segments == 1)
    ):
        return range(len(segments))
    return tail if is_long or _is_worn(others, rules) else ()


def _live(segment: Segment) -> int:
    return segment.images - segment.withdrawn_images


def _is_worn(segments: Sequence[Segment], rules: CompactionRules) -> bool:
    rows = sum(segment.images for segment in segments)
    return sum(segment.withdrawn_images for segment in segments) > rules.most_withdrawn_share * rows
