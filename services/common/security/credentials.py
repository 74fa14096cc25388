"""What a caller trusts and shows: settings, and the files that they name."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import grpc
from pydantic import model_validator

from services.common.security.certificates import KeyPair, read_authorities, read_key_pair
from services.common.security.tokens import read_token
from services.common.settings import Settings


class Credentials(Settings):
    """How a server is reached; without TLS and without a token by default."""

    tls: bool = False
    """Speak TLS; with gRPC's own list of public authorities unless `tls_ca` names others."""
    tls_ca: Path | None = None
    """File with the authorities to trust, PEM; speaks TLS."""
    tls_certificate: Path | None = None
    """File with this client's certificate, PEM; needs `tls_key`, and speaks TLS."""
    tls_key: Path | None = None
    """File with its key, PEM."""
    tls_server_name: str | None = None
    """The name in the server's certificate, when it is not the address's."""
    token_file: Path | None = None
    """File with a token that goes along with each call, as `authorization: Bearer`; by TLS, or on this machine."""
    token_without_tls: bool = False
    """Send the token without TLS, too: where a mesh encrypts it."""

    @model_validator(mode="after")
    def _certificate_has_a_key(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key belong together")
        return self

    @model_validator(mode="after")
    def _nothing_is_ignored(self) -> Self:
        if self.tls_server_name is not None and not self.is_secure:
            raise ValueError(
                "tls_server_name is the name in a certificate, and none is asked for: give tls or tls_ca too"
            )
        if self.token_without_tls and self.token_file is None:
            raise ValueError("token_without_tls is about a token, and there is none: give token_file too")
        return self

    @property
    def is_secure(self) -> bool:
        """Whether it is reached by TLS."""
        return self.tls or self.tls_ca is not None or self.tls_certificate is not None

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that it names."""
        named = (self.tls_ca, self.tls_certificate, self.tls_key, self.token_file)
        return tuple(path for path in named if path is not None)

    def read(self) -> "Held":
        """Read the files.

        Raises:
            SettingsInvalid: one of them is unusable.
        """
        pair = None
        if self.tls_certificate is not None and self.tls_key is not None:
            pair = read_key_pair(self.tls_certificate, self.tls_key)
        return Held(
            authorities=None if self.tls_ca is None else read_authorities(self.tls_ca, field="tls_ca"),
            pair=pair,
            token="" if self.token_file is None else read_token(self.token_file),
        )


PLAIN: Final = Credentials()
"""Neither TLS nor a token."""


def credentials_for(
    ca: Path | None, server_name: str | None, certificate: Path | None, key: Path | None
) -> Credentials:
    """Return how a part of the system reaches another: without TLS when it is told of no authorities.

    Args:
        ca: file with the authorities to trust.
        server_name: the name in the other's certificate, when it is not the address's.
        certificate: file with our own, for those who ask.
        key: file with its key.
    """
    if ca is None:
        return PLAIN
    return Credentials(tls_ca=ca, tls_server_name=server_name, tls_certificate=certificate, tls_key=key)


@dataclass(frozen=True, slots=True)
class Held:
    """What the files hold.

    Attributes:
        authorities: PEM; None for gRPC's own list.
        pair: this client's certificate and key, if it has one.
        token: empty for none.
    """

    authorities: bytes | None
    pair: KeyPair | None
    token: str

    def __repr__(self) -> str:
        return "Held(...)"  # it holds secrets

    def channel_credentials(self) -> grpc.ChannelCredentials:
        """Return gRPC's credentials."""
        pair = self.pair
        return grpc.ssl_channel_credentials(
            self.authorities, None if pair is None else pair.key, None if pair is None else pair.chain
        )
