"""When the client tries again: only what is UNAVAILABLE, a few times, further and further apart. Pure."""

import math
from typing import Final

MAX_ATTEMPTS: Final = 5
"""Times that one request is sent at most; gRPC itself allows no more."""

_INITIAL_SECONDS: Final = 0.05
_MAX_SECONDS: Final = 1.0

SERVICE_CONFIG: Final[dict[str, object]] = {
    # Where the target names several gateways, photos go round, and past one that says NOT_SERVING.
    "loadBalancingConfig": [{"round_robin": {}}],
    "healthCheckConfig": {"serviceName": "aisle.search.v1.SearchService"},
    "methodConfig": [
        {
            # Not SearchStream: gRPC could repeat it only until the first answer, so `streaming` does that itself.
            "name": [
                {"service": "aisle.search.v1.SearchService", "method": "Search"},
                {"service": "aisle.search.v1.SearchService", "method": "GetCatalog"},
            ],
            "retryPolicy": {
                "maxAttempts": MAX_ATTEMPTS,
                "initialBackoff": f"{_INITIAL_SECONDS}s",
                "maxBackoff": f"{_MAX_SECONDS}s",
                "backoffMultiplier": 2,
                # Not RESOURCE_EXHAUSTED: whoever is overloaded does not get better by being asked again.
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ],
    # At most one retry per ten successes in the long run: a gateway in trouble is not buried by its callers.
    "retryThrottling": {"maxTokens": 10, "tokenRatio": 0.1},
}
"""gRPC's service config; gRPC does the retrying of single calls, within their deadline."""


def backoff_seconds(failures: int, jitter: float) -> float:
    """Return how long to wait after that many failures in a row, at least 1.

    Args:
        failures: failures in a row, 1 for the first.
        jitter: random, in [0, 1); it takes away up to half, so that callers don't come back all at once.
    """
    return min(_MAX_SECONDS, math.ldexp(_INITIAL_SECONDS, failures - 1)) * (1 - jitter / 2)
