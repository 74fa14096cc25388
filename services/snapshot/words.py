"""What a snapshot learned from held-out photos, in words for the shop's people. Pure."""

from services.relevance.waves import EVERYWHERE
from services.snapshot.manifest import Relevance


def relevance_words(relevance: Relevance | None) -> str:
    """Return one line about scores, prior and breadth."""
    if relevance is None:
        return "scores are not calibrated; ADAPTIVE will search every shard"
    fusion, waves = relevance.fusion.weights, relevance.fusion.waves
    fitted = f"scores fitted to {relevance.photos:,} held-out photos"
    if fusion.prior_weight == 0:
        return f"{fitted}: the classifier does not help on these photos; ADAPTIVE will search every shard"
    if waves == EVERYWHERE:
        breadth = "ADAPTIVE searches every shard"
    elif waves.weak_below == 0:
        breadth = f"ADAPTIVE searches {_percent(waves.first_mass)} of the probability mass"
    else:
        second = "everything" if waves.second_mass == 1 else _percent(waves.second_mass)
        breadth = (
            f"ADAPTIVE searches {_percent(waves.first_mass)} of the probability mass first, and {second} when the best "
            f"hit is less than {100 * waves.weak_below:.0f} % sure"
        )
    return f"{fitted}: {breadth}; the prior weighs {fusion.prior_weight / fusion.evidence_weight:.2f}"


def _percent(mass: float) -> str:
    return f"{100 * mass:g} %"
