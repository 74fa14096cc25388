"""Keeps the addresses of names current: looked up now and then, and soon again where a replica is missing."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from services.common.errors import Unavailable
from services.common.periodic import again_and_again
from services.common.telemetry import get_logger
from services.gateway.peers.addresses import Addresses, Change
from services.gateway.peers.name_service import NameService

_log = get_logger()

_AT_ONCE: Final = 32
"""Names asked for at the same time: a shop with hundreds of shards need not flood its DNS."""


@dataclass(frozen=True, slots=True)
class WatchRules:
    """How often names are looked up.

    Attributes:
        period_seconds: each name.
        missing_seconds: a name that has no addresses, or one that is not ready: its replica may have moved.
    """

    period_seconds: float = 5.0
    missing_seconds: float = 1.0


class NameWatch:
    """Looks names up for as long as it is not closed. Make it, use it and close it in the same event loop."""

    def __init__(
        self,
        addresses: Addresses,
        service: NameService,
        *,
        on_change: Callable[[Change], None],
        is_ready: Callable[[str], bool],
        rules: WatchRules,
    ) -> None:
        """Create it; nothing is looked up before `look`.

        Args:
            addresses: learn what is found.
            service: is asked.
            on_change: told what has changed, once `addresses` know it; also when only the name's own have.
            is_ready: whether the replica at an address can be asked.
            rules: how often.
        """
        self._addresses = addresses
        self._service = service
        self._on_change = on_change
        self._is_ready = is_ready
        self._rules = rules
        self._unknown: set[str] = set()
        self._at_once = asyncio.Semaphore(_AT_ONCE)
        self._all_due_at = 0.0
        self._watching: asyncio.Task[None] | None = None

    async def look(self) -> None:
        """Look up all names once and, from then on, again and again; what fails is logged."""
        await self._look_up(self._addresses.names)
        if self._addresses.names and self._watching is None:
            self._all_due_at = asyncio.get_running_loop().time() + self._rules.period_seconds
            self._watching = asyncio.create_task(self._watch())

    async def close(self) -> None:
        """Look up nothing more."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)

    async def _watch(self) -> None:
        pause_seconds = min(self._rules.missing_seconds, self._rules.period_seconds)
        await asyncio.sleep(pause_seconds)
        await again_and_again("name_watch", self._look_where_due, pause_seconds)

    async def _look_where_due(self) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._all_due_at:
            self._all_due_at = now + self._rules.period_seconds
            await self._look_up(self._addresses.names)
        else:
            await self._look_up([target for target in self._addresses.names if self._lacks_a_replica(target)])

    def _lacks_a_replica(self, target: str) -> bool:
        known = self._addresses.of(target)
        return not known or not all(map(self._is_ready, known))

    async def _look_up(self, targets: Iterable[str]) -> None:
        await asyncio.gather(*map(self._look_up_one, targets))

    async def _look_up_one(self, target: str) -> None:
        async with self._at_once:
            try:
                found = await self._service.addresses(self._addresses.names[target])
            except Unavailable as unknown:
                if target not in self._unknown:
                    kept = self._addresses.of(target)
                    _log.warning("name_unknown", target=target, error=unknown.message, kept=kept)
                self._unknown.add(target)
                return
        self._unknown.discard(target)
        change = self._addresses.learn(target, found)
        if change is not None:
            now = self._addresses.of(target)
            _log.info("addresses_changed", target=target, joined=change.joined, left=change.left, now=now)
            if change.left_out:
                _log.warning("addresses_left_out", target=target, found=len(now) + change.left_out, most=len(now))
            self._on_change(change)
