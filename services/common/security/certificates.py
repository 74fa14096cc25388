"""Certificates and keys in PEM files: read together, checked against each other, refused with the file's name.

`cryptography` is imported where it is used: its 13 MB are for those processes only that have a certificate.
"""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from services.common.errors import SettingsInvalid
from services.common.security.files import read_file

_LEAST_RSA_BITS: Final = 2048

if TYPE_CHECKING:
    from cryptography.x509 import Certificate


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate and its key.

    Attributes:
        chain: the certificate, then those between it and its authority, PEM.
        key: its private key, PEM.
        names: the DNS names that it is for.
        not_before: when it begins to hold.
        not_after: when it expires.
    """

    chain: bytes
    key: bytes = field(repr=False)
    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime


def read_key_pair(certificate: Path, key: Path) -> KeyPair:
    """Read a certificate and its key.

    Raises:
        SettingsInvalid: one can't be read, is no PEM or is encrypted, they do not belong together, or the key is of a
            kind that no handshake is made with.
    """
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    chain, secret = read_file(certificate, field="tls_certificate"), read_file(key, field="tls_key")
    own = _certificates(certificate, chain, "tls_certificate")[0]
    try:
        private = load_pem_private_key(secret, password=None)
    except TypeError:
        raise SettingsInvalid(
            f"{key} is encrypted, and nobody is here to type its password: store it without, "
            "readable for this process's user alone",
            field="tls_key",
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise SettingsInvalid(f"{key} holds no private key in PEM form", field="tls_key") from None
    _check_kind(certificate, own)
    if private.public_key() != own.public_key():
        raise SettingsInvalid(
            f"the key in {key} does not belong to the first certificate in {certificate}: give the two that were made "
            "together, the process's own certificate before those of its authorities",
            field="tls_key",
        )
    return KeyPair(chain, secret, _dns_names(own), own.not_valid_before_utc, own.not_valid_after_utc)


def _check_kind(path: Path, certificate: "Certificate") -> None:
    """Refuse keys that gRPC takes without a word: no handshake is made with them, or still with the one before."""
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec, rsa  # noqa: PLC0415

    try:
        match key := certificate.public_key():
            case rsa.RSAPublicKey() if key.key_size >= _LEAST_RSA_BITS:
                return
            case ec.EllipticCurvePublicKey(curve=ec.SECP256R1() | ec.SECP384R1()):
                return
            case rsa.RSAPublicKey():
                kind = f"RSA of {key.key_size} bits"
            case ec.EllipticCurvePublicKey():
                kind = key.curve.name
            case _:
                kind = type(key).__name__.removeprefix("_").removesuffix("PublicKey")
    except (ValueError, UnsupportedAlgorithm):
        kind = "a kind that nobody knows"
    raise SettingsInvalid(
        f"the certificate in {path} has a key of {kind}, with which gRPC makes no handshake: issue one with ECDSA on "
        f"P-256 or P-384, or RSA of {_LEAST_RSA_BITS:,} bits or more",
        field="tls_certificate",
    )


def read_authorities(path: Path, *, field: str) -> bytes:
    """Return the certificates of the authorities in a file, PEM.

    Args:
        path: the file; while authorities change it holds the old and the new ones.
        field: the setting that names it, for the error.

    Raises:
        SettingsInvalid: it can't be read, or holds no certificate.
    """
    content = read_file(path, field=field)
    _certificates(path, content, field)
    return content


def _certificates(path: Path, content: bytes, setting: str) -> "list[Certificate]":
    from cryptography import x509  # noqa: PLC0415

    try:
        return x509.load_pem_x509_certificates(content)
    except ValueError:
        raise SettingsInvalid(f"{path} holds no certificate in PEM form", field=setting) from None


def _dns_names(certificate: "Certificate") -> tuple[str, ...]:
    from cryptography import x509  # noqa: PLC0415

    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    return tuple(names.value.get_values_for_type(x509.DNSName))
