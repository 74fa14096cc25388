"""Opens channels with a caller's credentials, and keeps them current: their files are looked at once a second."""

import asyncio
import re
from typing import Final

import grpc.aio

from services.common.channels import ChannelOptions
from services.common.errors import SettingsInvalid
from services.common.periodic import again_and_again
from services.common.security.channel import Metadata, RenewableChannel
from services.common.security.credentials import PLAIN, Credentials, Held
from services.common.security.files import Reloading
from services.common.security.settings import is_loopback

_LOOK_SECONDS: Final = 1.0


class Dialler:
    """Opens channels to servers that take the same credentials. Use it in one event loop.

    A new token goes along with the next call. New certificates are shown by new connections, which channels make at
    once: no call fails for it.
    """

    def __init__(self, credentials: Credentials = PLAIN) -> None:
        """Read the credentials' files.

        Raises:
            SettingsInvalid: one of them is unusable.
        """
        self._credentials = credentials
        self._held = Reloading(credentials.files, credentials.read)
        self._channels = set[RenewableChannel]()
        self._looking: asyncio.Task[None] | None = None

    def open(self, target: str, options: ChannelOptions) -> grpc.aio.Channel:
        """Open a channel; nothing is sent yet. Whoever opens it closes it.

        Raises:
            SettingsInvalid: a token would leave this machine in clear.
        """
        self._refuse_in_clear(target)
        if not self._credentials.files:
            return self._dial(target, options)
        channel = RenewableChannel(lambda: self._dial(target, options), self._metadata, self._closed)
        self._channels.add(channel)
        if self._looking is None:
            self._looking = asyncio.create_task(again_and_again("credentials", self._look, _LOOK_SECONDS))
        return channel

    def _dial(self, target: str, options: ChannelOptions) -> grpc.aio.Channel:
        if not self._credentials.is_secure:
            return grpc.aio.insecure_channel(target, options=options)
        if self._credentials.tls_server_name:
            options = (*options, ("grpc.ssl_target_name_override", self._credentials.tls_server_name))
        return grpc.aio.secure_channel(target, self._held.value.channel_credentials(), options=options)

    def _refuse_in_clear(self, target: str) -> None:
        known = self._credentials
        if known.token_file is None or known.is_secure or known.token_without_tls or _is_here(target):
            return
        raise SettingsInvalid(
            f"the token in {known.token_file} would go to {target} without TLS, and whoever is on the way could use "
            "it: speak TLS (--tls, or --tls-ca with its authority), or say --token-without-tls where a mesh encrypts",
            field="token_file",
        )

    def _metadata(self) -> Metadata:
        token = self._held.value.token
        return (("authorization", f"Bearer {token}"),) if token else ()

    def _closed(self, channel: RenewableChannel) -> None:
        self._channels.discard(channel)
        if not self._channels and self._looking is not None:
            self._looking.cancel()
            self._looking = None

    async def _look(self) -> None:
        before = self._held.value
        if await asyncio.to_thread(self._held.look) and _other_certificates(before, self._held.value):
            for channel in self._channels:
                channel.renew()


def _is_here(target: str) -> bool:
    """Return whether a gRPC target is on this machine, as far as it says so: another name may lead anywhere."""
    if target.startswith(("unix:", "unix-abstract:")):
        return True
    addresses = re.sub(r"^(ipv4|ipv6|dns):(///)?", "", target).split(",")
    return all(is_loopback(address.rpartition(":")[0]) for address in addresses)


def _other_certificates(before: Held, after: Held) -> bool:
    return (before.authorities, before.pair) != (after.authorities, after.pair)
