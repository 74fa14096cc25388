"""How soon a published snapshot is to be seen: the time until a gateway answers from it."""

import time
from collections.abc import Callable

from services.client import SyncAisleClient
from services.common.errors import AisleError, DeadlineExceeded

_PAUSE_SECONDS = 0.02


def seconds_until_served(
    target: str,
    snapshot_id: str,
    patience_seconds: float,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> float:
    """Wait until a gateway serves a snapshot, and return how long that took, in seconds.

    Args:
        target: the gateway's `host:port`.
        snapshot_id: the snapshot, just published.
        patience_seconds: when to give up.
        clock: seconds, monotonic.
        sleep: waits so many seconds.

    Raises:
        DeadlineExceeded: it serves another one, or nothing, for too long; the snapshot stays published.
    """
    start = clock()
    with SyncAisleClient(target) as client:
        while True:
            try:
                served = client.catalog().snapshot_id
            except AisleError as error:  # it may be starting
                served = f"nothing ({error.message})"
            waited = clock() - start
            if served == snapshot_id:
                return waited
            if waited > patience_seconds:
                raise DeadlineExceeded(
                    f"snapshot {snapshot_id} is published, but after {waited:.0f} s the gateway at {target} still "
                    f"serves {served}; does it follow the current snapshot?"
                )
            sleep(_PAUSE_SECONDS)
