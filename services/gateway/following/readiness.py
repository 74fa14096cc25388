"""Whether a switch to another snapshot would lose a shard that can be searched now. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Readiness:
    """What speaks against a switch.

    Attributes:
        not_loaded: shards whose searchers answer, but have not loaded the snapshot: a switch would lose them.
        unreachable: shards of which no searcher answers: there is nothing to lose, but one may be about to come back.
    """

    not_loaded: tuple[str, ...]
    unreachable: tuple[str, ...]


def readiness_of(
    slugs: Iterable[str], topology: Mapping[str, Sequence[str]], described: Mapping[str, frozenset[str] | None]
) -> Readiness:
    """Look at each shard's searchers; those of which no searcher is known can't be waited for.

    Args:
        slugs: the shards of the snapshot.
        topology: per shard's slug the targets of its searchers.
        described: by target the slugs that it serves of the snapshot, None when it does not serve the snapshot;
            targets that do not answer are missing.
    """
    not_loaded, unreachable = [], []
    for slug in slugs:
        answers = [described[target] for target in topology.get(slug, ()) if target in described]
        if any(served is not None and slug in served for served in answers):
            continue
        if any(served is None for served in answers):
            not_loaded.append(slug)
        elif not answers and topology.get(slug):
            unreachable.append(slug)
    return Readiness(tuple(not_loaded), tuple(unreachable))


def silent_since(before: Mapping[str, float], unreachable: Iterable[str], now: float) -> dict[str, float]:
    """Return since when no searcher of a shard has answered, by slug.

    A single missed answer of a searcher that is busy loading is no reason to go on without its shard.

    Args:
        before: what this returned for the answers before.
        unreachable: shards of which no searcher answers now.
        now: seconds, monotonic.
    """
    return {slug: before.get(slug, now) for slug in unreachable}
