"""The Tritons there are, by address: they join, say whether they are ready, and leave."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Final

from services.common.periodic import again_and_again
from services.common.retiring import Retiring
from services.common.security.dialling import Dialler
from services.models.client import TritonModels

_POLL_SECONDS: Final = 0.5
"""Time between two questions to one Triton; it has no stream of its health, and answers in some 5 ms."""
_ANSWER_SECONDS: Final = 1.0
_GRACE_SECONDS: Final = 30.0
"""The longest deadline of a call to a Triton that has left."""


class Tritons(Mapping[str, TritonModels]):
    """A client per Triton. Make it, use it and close it in the same event loop.

    Those that have left are not among them any more, but can be had by their address while calls to them may last.
    """

    def __init__(
        self, dialler: Dialler | None = None, *, authority_of: Callable[[str], str | None] = lambda _: None
    ) -> None:
        """Know none yet.

        Args:
            dialler: opens the channels; None for those without TLS.
            authority_of: the `host:port` that the Triton at an address is known by; None when it is the address.
        """
        self._dialler = dialler
        self._authority_of = authority_of
        self._tritons: dict[str, TritonModels] = {}
        self._leaving: dict[str, TritonModels] = {}
        self._refusing = set[str]()
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._retiring = Retiring(_GRACE_SECONDS)

    def join(self, addresses: Iterable[str]) -> None:
        """Know more of them, and ask them whether they are ready, again and again."""
        for address in addresses:
            self._tritons[address] = TritonModels(address, self._dialler, authority=self._authority_of(address))
            self._asking[address] = asyncio.create_task(
                again_and_again("triton_readiness", partial(self._ask, address), _POLL_SECONDS)
            )

    def leave(self, addresses: Iterable[str]) -> None:
        """Forget some, once calls to them had their time."""
        for address in addresses:
            self._asking.pop(address).cancel()
            self._refusing.discard(address)
            triton = self._leaving[address] = self._tritons.pop(address)
            self._retiring.retire(partial(self._forget, address, triton))

    def is_ready(self, address: str) -> bool:
        """Return whether a Triton is connected and does not say otherwise; False for one that has left."""
        triton = self._tritons.get(address)
        return triton is not None and triton.is_connected and address not in self._refusing

    async def close(self) -> None:
        """Close every client."""
        for asking in self._asking.values():
            asking.cancel()
        await asyncio.gather(*self._asking.values(), return_exceptions=True)
        await self._retiring.close()
        await asyncio.gather(*(triton.close() for triton in self._tritons.values()))

    def __getitem__(self, address: str) -> TritonModels:
        return self._tritons.get(address) or self._leaving[address]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tritons)

    def __len__(self) -> int:
        return len(self._tritons)

    async def _ask(self, address: str) -> None:
        # Only its own word counts: one that is late is busy, and one that can't be reached is not connected.
        if await self._tritons[address].says_ready(_ANSWER_SECONDS) is False:
            self._refusing.add(address)
        else:
            self._refusing.discard(address)

    async def _forget(self, address: str, triton: TritonModels) -> None:
        if self._leaving.get(address) is triton:
            del self._leaving[address]
        await triton.close()
