"""Asks DNS: by c-ares, which never blocks, honours `resolv.conf` and `hosts`, and keeps answers for their TTL."""

import socket
from collections.abc import Sequence
from typing import Final, Protocol

import aiodns

from services.common.errors import Unavailable
from services.gateway.peers.addresses import Name, address_of

_TRY_SECONDS: Final = 1.0
_TRIES: Final = 2


class NameService(Protocol):
    """Knows the addresses of names."""

    async def addresses(self, name: Name) -> Sequence[str]:
        """Return the addresses of a name with its port, as `address_of` writes them.

        Raises:
            Unavailable: it knows none, or does not answer; the message says which.
        """
        ...


class Dns:
    """`NameService` by the machine's resolver. Make it, use it and close it in the same event loop."""

    def __init__(self) -> None:
        """Read `resolv.conf`; nothing is asked yet."""
        self._resolver = aiodns.DNSResolver(timeout=_TRY_SECONDS, tries=_TRIES)

    async def addresses(self, name: Name) -> Sequence[str]:
        """Ask for addresses of both kinds; see `NameService`."""
        try:
            found = await self._resolver.getaddrinfo(name.host, port=name.port, family=socket.AF_UNSPEC)
        except (aiodns.error.DNSError, UnicodeError) as error:  # the latter for what can be no name
            raise Unavailable(f"{name.host}: {error.args[-1]}") from None
        hosts = (node.addr[0] for node in found.nodes)
        return [address_of(host.decode() if isinstance(host, bytes) else host, name.port) for host in hosts]

    async def close(self) -> None:
        """Give up what is being asked."""
        await self._resolver.close()
