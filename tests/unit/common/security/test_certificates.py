"""Certificates and keys that are unusable are refused with the file's name, and what to do."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from services.benchmarks.security.authority import Authority, Identity
from services.common.errors import SettingsInvalid
from services.common.security.certificates import read_authorities, read_key_pair


@pytest.fixture
def identity(tmp_path: Path) -> Identity:
    """A sound certificate."""
    return Authority().issue(tmp_path, "gateway", not_after=datetime(2040, 1, 1, tzinfo=UTC))


def test_a_sound_pair_says_for_whom_and_how_long(identity: Identity) -> None:
    """Its names and its end; nothing of the key is in what it shows of itself."""
    pair = read_key_pair(identity.certificate, identity.key)
    assert pair.names == ("gateway",)
    assert pair.not_after == datetime(2040, 1, 1, tzinfo=UTC)
    assert pair.not_before < datetime.now(UTC)
    assert "PRIVATE" not in repr(pair)


def _another_key(identity: Identity) -> None:
    other = Authority().issue(identity.key.parent / "..", "other")
    identity.key.write_bytes(other.key.read_bytes())


def _encrypted_key(identity: Identity) -> None:
    key = load_pem_private_key(identity.key.read_bytes(), password=None)
    encrypted = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"word"))
    identity.key.write_bytes(encrypted)


def _chain_upside_down(identity: Identity) -> None:
    authority = Authority().write(identity.key.parent / "ca.pem").read_bytes()
    identity.certificate.write_bytes(authority + identity.certificate.read_bytes())


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (_another_key, r"the key in .*gateway\.key does not belong to the first certificate in .*gateway\.pem"),
        (_chain_upside_down, "the process's own certificate before those of its authorities"),
        (_encrypted_key, r"gateway\.key is encrypted"),
        (lambda identity: identity.key.write_bytes(b"no key"), r"gateway\.key holds no private key in PEM form"),
        (lambda identity: identity.certificate.write_bytes(b""), r"gateway\.pem holds no certificate in PEM form"),
        (lambda identity: identity.certificate.unlink(), r"gateway\.pem can't be read: No such file"),
    ],
)
def test_an_unusable_pair_is_refused(identity: Identity, spoil: Callable[[Identity], object], says: str) -> None:
    """Whatever is wrong with it."""
    spoil(identity)
    with pytest.raises(SettingsInvalid, match=says):
        read_key_pair(identity.certificate, identity.key)


def _self_signed(folder: Path, key: Any) -> Identity:
    """Return a certificate of a key's own."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "gateway")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 7, datetime(2020, 1, 1), datetime(2040, 1, 1))  # noqa: DTZ001
    digest = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    identity = Identity(folder / "gateway.pem", folder / "gateway.key")
    identity.certificate.write_bytes(builder.sign(key, digest).public_bytes(Encoding.PEM))
    identity.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return identity


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        (ed25519.Ed25519PrivateKey.generate(), "Ed25519"),
        (ec.generate_private_key(ec.SECP256K1()), "secp256k1"),
        (ec.generate_private_key(ec.SECP521R1()), "secp521r1"),
        (rsa.generate_private_key(65_537, 1_024), "RSA of 1024 bits"),
    ],
)
def test_a_key_that_no_handshake_is_made_with_is_refused(tmp_path: Path, key: Any, kind: str) -> None:
    """gRPC takes it, and every caller would be refused, or is shown the certificate before until that expires."""
    identity = _self_signed(tmp_path, key)
    with pytest.raises(SettingsInvalid, match=rf"gateway\.pem has a key of {kind}, with which gRPC makes no handshake"):
        read_key_pair(identity.certificate, identity.key)


@pytest.mark.parametrize("key", [ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(65_537, 2_048)])
def test_the_usual_keys_are_taken(tmp_path: Path, key: Any) -> None:
    """P-256 is what the other tests have."""
    identity = _self_signed(tmp_path, key)
    assert read_key_pair(identity.certificate, identity.key).not_after.year == 2040


def test_authorities_are_certificates(tmp_path: Path) -> None:
    """One or several; a key by mistake is refused."""
    one, other = Authority(), Authority()
    both = one.write(tmp_path / "ca.pem", other)
    assert read_authorities(both, field="tls_ca").count(b"BEGIN CERTIFICATE") == 2
    key = one.issue(tmp_path, "gateway").key
    with pytest.raises(SettingsInvalid, match=r"gateway\.key holds no certificate") as refused:
        read_authorities(key, field="tls_ca")
    assert refused.value.field == "tls_ca"
