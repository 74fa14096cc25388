"""When the certificates of servers that we call expire, as they show them: a server may show an old one for long.

gRPC tells a caller nothing of the certificate that it was shown, so a handshake is made for it now and then.
"""

import asyncio
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Final

from services.common.periodic import again_and_again
from services.common.security.credentials import Credentials

_LOOK_SECONDS: Final = 300.0
_HANDSHAKE_SECONDS: Final = 5.0


class PeerCertificates:
    """Looks at the certificates of some servers. Make it, use it and close it in the same event loop."""

    def __init__(
        self, credentials: Credentials, addresses: Callable[[], Sequence[str]], note: Callable[[float], None]
    ) -> None:
        """Look from now on; where the servers are not reached by TLS there is nothing to see.

        Args:
            credentials: what the servers are shown.
            addresses: says where they are, each as `host:port`.
            note: hears when the first of their certificates expires, in seconds since 1970; not while none is shown.
        """
        self._credentials = credentials
        self._addresses = addresses
        self._note = note
        self._looking: asyncio.Task[None] | None = None
        if credentials.is_secure:
            self._looking = asyncio.create_task(again_and_again("peer_certificates", self._look, _LOOK_SECONDS))

    async def close(self) -> None:
        """Look no more."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    async def _look(self) -> None:
        ends = list[float]()
        for address in self._addresses():
            with suppress(OSError, TimeoutError, ValueError):  # that a server is away is said elsewhere
                ends.append((await expiry_of(address, self._credentials)).timestamp())
        if ends:
            self._note(min(ends))


async def expiry_of(address: str, credentials: Credentials) -> datetime:
    """Return when the certificate that a server shows expires; its authority and its name do not matter.

    Args:
        address: where it is, as `host:port`.
        credentials: the certificate that it is shown, if it asks for one.

    Raises:
        OSError, TimeoutError: there is no handshake with it.
        ValueError: what it shows is no certificate.
    """
    from cryptography.x509 import load_der_x509_certificate  # noqa: PLC0415 - as in `certificates`

    host, _, port = address.rpartition(":")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # nothing is sent, and one that nobody should trust any more is what is looked for
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    if credentials.tls_certificate is not None and credentials.tls_key is not None:
        context.load_cert_chain(credentials.tls_certificate, credentials.tls_key)
    async with asyncio.timeout(_HANDSHAKE_SECONDS):
        _, writer = await asyncio.open_connection(host.strip("[]"), int(port), ssl=context)
    try:
        shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    finally:
        writer.close()
    return load_der_x509_certificate(shown or b"").not_valid_after_utc
