"""A DNS server that knows a few names, as a cluster's knows headless Services: all addresses of each, in one answer."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from dnslib import QTYPE, RCODE, RR, A
from dnslib.server import BaseResolver, DNSLogger, DNSServer


class Names(BaseResolver):  # type: ignore[misc]  # untyped
    """The names. Change them at any time; callers hear of it when their answers' TTL is over."""

    def __init__(self, ttl_seconds: int) -> None:
        """Know none.

        Args:
            ttl_seconds: how long callers may keep an answer.
        """
        self._ttl_seconds = ttl_seconds
        self._addresses: dict[str, tuple[str, ...]] = {}

    def say(self, name: str, addresses: Sequence[str]) -> None:
        """Answer with these addresses from now on."""
        self._addresses[name] = tuple(addresses)

    def resolve(self, request: Any, handler: Any) -> Any:  # noqa: ARG002 - as dnslib calls it
        """Answer one question."""
        reply = request.reply()
        addresses = self._addresses.get(str(request.q.qname).rstrip(".").lower())
        if addresses is None:
            reply.header.rcode = RCODE.NXDOMAIN
        elif request.q.qtype == QTYPE.A:
            for address in addresses:
                reply.add_answer(RR(request.q.qname, QTYPE.A, rdata=A(address), ttl=self._ttl_seconds))
        return reply


@contextmanager
def serving(names: Names, address: str) -> Iterator[None]:
    """Serve names over UDP at port 53 of an address, from a thread, for the time of the context."""
    server = DNSServer(names, address=address, port=53, logger=DNSLogger("-request,-reply"))
    server.start_thread()
    try:
        yield
    finally:
        server.stop()
        server.server.server_close()
