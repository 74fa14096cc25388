"""How soon a published snapshot is to be seen: the time until a gateway answers from it."""

import time
from collections.abc import Callable

from services.cli.credentials import credentials
from services.cli.finding import explained
from services.client import SyncAisleClient
from services.common.errors import AisleError, DeadlineExceeded

_PAUSE_SECONDS = 0.02


def seconds_until_served(
    target: str,
    snapshot_id: str,
    published_at: float,
    patience_seconds: float,
    *,
    parent_of: Callable[[str], str],
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> float:
    """Wait until a gateway serves a snapshot, or a later change of it, and return how long that took, in seconds.

    Args:
        target: the gateway's `host:port`.
        snapshot_id: the snapshot, just published.
        published_at: when it had become current, in seconds since 1970.
        patience_seconds: when to give up, from now on.
        parent_of: the snapshot that another one is a change of; empty for none.
        clock: seconds since 1970: publishing was timed by another process.
        sleep: waits so many seconds.

    Raises:
        DeadlineExceeded: it serves another one, or nothing, for too long; the snapshot stays published.
    """
    start, before = clock(), ""
    with SyncAisleClient(target, credentials()) as client:
        while True:
            try:
                served = client.catalog().snapshot_id
            except AisleError as error:  # it may be starting
                before = served = f"nothing ({explained(error, target).message})"
            if served != before and _is_change_of(served, snapshot_id, parent_of):
                return max(0.0, clock() - published_at)
            before = served
            waited = clock() - start
            if waited > patience_seconds:
                raise DeadlineExceeded(
                    f"snapshot {snapshot_id} is published, but after {waited:.0f} s the gateway at {target} still "
                    f"serves {served}; does it follow the current snapshot?"
                )
            sleep(_PAUSE_SECONDS)


def _is_change_of(later: str, snapshot_id: str, parent_of: Callable[[str], str]) -> bool:
    """Return whether a snapshot is another, or a change of it, or a change of that."""
    while later > snapshot_id:  # ids sort by time, and nothing is a change of what is younger
        later = parent_of(later)
    return later == snapshot_id
