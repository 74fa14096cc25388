"""What a gateway begins with: what CURRENT names or, while that can't be served, the last one before it that can."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator
from typing import Final

from services.common.errors import AisleError
from services.common.telemetry import get_logger
from services.gateway.answering.catalog import Catalog
from services.gateway.following.roll_call import RollCall

_log = get_logger()

_MOST_BEFORE: Final = 10
"""Snapshots before the current one that are tried although no searcher has them: searchers try as many."""


async def first_catalog(
    current_id: str,
    *,
    predecessors: Callable[[str], Iterator[str]],
    catalog_of: Callable[[str], Awaitable[Catalog]],
    roll_call: RollCall,
) -> Catalog:
    """Return the first snapshot that fits the models and that no searcher lacks; if none is, the first that fits.

    In the middle of a rollout, and where the current snapshot was refused, the other gateways are still with the one
    before.

    Args:
        current_id: what CURRENT names; it is tried first.
        predecessors: yields what to go back to from a snapshot; blocking.
        catalog_of: reads a snapshot, and checks that it fits the models.
        roll_call: asks the searchers.

    Raises:
        AisleError: none fits; it is what speaks against the current one.
    """
    refusals: list[AisleError] = []

    async def fitting(snapshot_id: str) -> Catalog | None:
        try:
            return await catalog_of(snapshot_id)
        except AisleError as error:
            refusals.append(error)
            return None

    first = await fitting(current_id)
    if first is not None and await roll_call.is_loaded(first.manifest):
        return first
    served = await roll_call.served_ids()
    for snapshot_id in await asyncio.to_thread(_worth_trying, predecessors, current_id, served):
        catalog = await fitting(snapshot_id)
        first = first or catalog
        if catalog is not None and await roll_call.is_loaded(catalog.manifest):
            first = catalog
            break
    if first is None:
        raise refusals[0]
    if first.key.snapshot_id != current_id:
        why = refusals[0].message if refusals else "searchers lack it"
        _log.warning("current_is_passed_over", snapshot_id=current_id, why=why, serving=first.key.snapshot_id)
    return first


def _worth_trying(predecessors: Callable[[str], Iterator[str]], snapshot_id: str, served: Collection[str]) -> list[str]:
    """Return what came before a snapshot, as far back as searchers serve it and the last few; what they serve first."""
    oldest, before = min(served, default=snapshot_id), list[str]()
    try:
        for each in predecessors(snapshot_id):
            if len(before) >= _MOST_BEFORE and each < oldest:
                break
            before.append(each)
    except AisleError as error:
        _log.warning("snapshots_unreadable", reason=error.reason, error=error.message)
    return sorted(before, key=lambda each: each not in served)
