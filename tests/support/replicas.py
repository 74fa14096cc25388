"""What tests ask of the replicas that a gateway knows."""

from services.gateway.replicas.choosing import Replicas, Standing


def passed_over(replicas: Replicas) -> list[str]:
    """Return the addresses of those that failed calls and have answered nothing since, in order."""
    return [each.target for each in replicas.states() if each.standing is Standing.PASSED_OVER]
