"""A certificate authority of one's own, for as long as a measurement lasts."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import trustme

from services.common.replacing import write_in_one_step


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate and its key.

    Attributes:
        certificate: PEM file.
        key: PEM file.
    """

    certificate: Path
    key: Path


class Authority:
    """Issues certificates, and is trusted by whoever trusts its file."""

    def __init__(self) -> None:
        """Make its own key and certificate."""
        self._authority = trustme.CA()

    def write(self, file: Path, *others: "Authority") -> Path:
        """Write its certificate, and those of others, to a file, and return that."""
        certificates = (each._authority.cert_pem.bytes() for each in (self, *others))  # noqa: SLF001 - of its own kind
        write_in_one_step(file, b"".join(certificates).decode())
        return file

    def issue(
        self, folder: Path, name: str, *, not_before: datetime | None = None, not_after: datetime | None = None
    ) -> Identity:
        """Issue a certificate, in the place of one with the same name.

        Args:
            folder: where to write it.
            name: the DNS name that it is for; loopback's address is in it, too.
            not_before: when it begins to hold; None for always.
            not_after: when it expires; None for never.
        """
        issued = self._authority.issue_cert(name, "127.0.0.1", not_before=not_before, not_after=not_after)
        identity = Identity(folder / f"{name}.pem", folder / f"{name}.key")
        chain = b"".join(part.bytes() for part in issued.cert_chain_pems)
        write_in_one_step(identity.key, issued.private_key_pem.bytes().decode())
        write_in_one_step(identity.certificate, chain.decode())
        return identity
