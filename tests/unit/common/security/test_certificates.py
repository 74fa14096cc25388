"""Certificates and keys that are unusable are refused with the file's name, and what to do."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
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
    assert not pair.has_expired()
    assert pair.has_expired(pair.not_after + timedelta(seconds=1))
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


def test_authorities_are_certificates(tmp_path: Path) -> None:
    """One or several; a key by mistake is refused."""
    one, other = Authority(), Authority()
    both = one.write(tmp_path / "ca.pem", other)
    assert read_authorities(both, field="tls_ca").count(b"BEGIN CERTIFICATE") == 2
    key = one.issue(tmp_path, "gateway").key
    with pytest.raises(SettingsInvalid, match=r"gateway\.key holds no certificate") as refused:
        read_authorities(key, field="tls_ca")
    assert refused.value.field == "tls_ca"
