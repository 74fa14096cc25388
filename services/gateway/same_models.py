"""Whether a Triton serves the models that the gateway began with: seen before its first photo and at each reconnection.

Another embedder's vectors would fit the index by their length and find nothing that is right.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping

from services.common.errors import ModelUnavailable
from services.common.telemetry import get_logger
from services.models.client import TritonModels

_log = get_logger()


class SameModels:
    """Lets only Tritons be asked that serve the expected models. Make it, use it and close it in one event loop."""

    def __init__(self, tritons: Mapping[str, TritonModels], sha256_of: Mapping[str, str]) -> None:
        """Watch the connections.

        Args:
            tritons: by target.
            sha256_of: the digest of each expected model's file, by its name.
        """
        self._tritons = tritons
        self._sha256_of = sha256_of
        self._seen: set[str] = set()
        self._looking: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._watching = [asyncio.create_task(self._watch(target)) for target in tritons]

    async def check(self, target: str, timeout_seconds: float) -> None:
        """Return at once for a Triton that was looked at since it was connected; look at others first.

        Raises:
            ModelUnavailable: it serves another model, or can't be reached.
            DeadlineExceeded: it did not say in time.
        """
        if target in self._seen:
            return
        async with self._looking[target]:
            if target in self._seen:
                return
            for model, sha256 in self._sha256_of.items():
                info = await self._tritons[target].describe(model, timeout_seconds)
                if info.sha256 != sha256:
                    _log.error("other_model", target=target, model=model, version=info.version, sha256=info.sha256)
                    raise ModelUnavailable(f"a Triton serves another {model} than this gateway began with")
            self._seen.add(target)

    async def close(self) -> None:
        """Watch no longer."""
        for task in self._watching:
            task.cancel()
        await asyncio.gather(*self._watching, return_exceptions=True)

    async def _watch(self, target: str) -> None:
        while True:
            await self._tritons[target].disconnected()
            self._seen.discard(target)
