"""Two replicas behind gates, and `services.gateway.replicas.hedging` before them."""

import asyncio
import random
from collections.abc import Callable

from services.common.errors import AisleError
from services.common.recent_times import RecentTimes
from services.gateway.replicas.choosing import EjectionRules, Replicas
from services.gateway.replicas.extra_calls import ExtraCalls, ExtraRules
from services.gateway.replicas.hedging import Hedging, Reply
from tests.support.gateway import Gate

AFTER_SECONDS = 0.02


class Shop:
    """Two replicas, a gate before each, and what each of them raises, if anything."""

    def __init__(self, share: float = 0.05, losses: int = 3) -> None:
        self.clock: Callable[[], float] = asyncio.get_running_loop().time
        self.gates = {"a": Gate(), "b": Gate()}
        self.errors: dict[str, AisleError] = {}
        self.replicas = Replicas("ab", EjectionRules(losses), clock=self.clock, lot=random.Random(1).random)
        self.extra = ExtraCalls(ExtraRules(share=share), self.clock)
        self.times = RecentTimes(self.clock)
        self.asked: list[str] = []
        self._hedging = Hedging(self.replicas, self.extra, self.clock)

    async def ask(
        self, targets: str = "ab", after_seconds: float | None = AFTER_SECONDS, *, late_is_lost: bool = True
    ) -> Reply[str]:
        """Ask one of the replicas, or two."""

        async def call(target: str) -> str:
            self.asked.append(target)
            await self.gates[target].passage()
            if target in self.errors:
                raise self.errors[target]
            return target

        return await self._hedging.ask(
            targets, call, times=self.times, after_seconds=after_seconds, late_is_lost=late_is_lost
        )

    def shut(self, *targets: str) -> None:
        """Let these replicas hang."""
        for target in targets:
            self.gates[target] = Gate(is_open=False)

    @property
    def first(self) -> str:
        """Who was asked first."""
        return self.asked[0]

    @property
    def second(self) -> str:
        """The other one."""
        return "b" if self.first == "a" else "a"
