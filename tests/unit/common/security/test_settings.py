"""What a process can be told about its callers, and what contradicts itself."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from services.common.security.credentials import PLAIN, Credentials, credentials_for
from services.common.security.settings import SecuritySettings, is_loopback

PEM = Path("some.pem")
MUTUAL = {"tls_certificate": PEM, "tls_key": PEM, "tls_client_ca": PEM}


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"tls_certificate": PEM}, "belong together"),
        ({"tls_key": PEM}, "belong together"),
        ({"tls_client_ca": PEM}, "takes a tls_certificate of our own"),
        ({"admin_host": "0.0.0.0", "admin_port": 9000}, "give an access_file"),
        ({"token_port": 9000}, "as it is, port takes tokens"),
        ({**MUTUAL, "token_port": 9000}, "lets anybody in without an access_file"),
    ],
)
def test_half_a_protection_is_refused(settings: dict[str, object], says: str) -> None:
    """It would be believed to be a whole one."""
    with pytest.raises(ValidationError, match=says):
        SecuritySettings.model_validate(settings)


def test_an_admin_port_may_be_reached_from_elsewhere_by_those_who_operate() -> None:
    """The access file says who they are."""
    settings = SecuritySettings(admin_host="0.0.0.0", admin_port=9000, access_file=Path("access.yaml"))
    assert not settings.has_tls


@pytest.mark.parametrize(
    ("host", "is_local"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("gateway.example", False),
    ],
)
def test_loopback_is_told_from_the_rest(host: str, is_local: bool) -> None:  # noqa: FBT001 - a fact of the table
    """Every address of this machine's own that nobody else can reach."""
    assert is_loopback(host) is is_local


def test_a_peer_without_an_authority_is_spoken_to_plainly() -> None:
    """Our own certificate is for our callers then."""
    assert credentials_for(None, None, PEM, PEM) is PLAIN
    by_tls = credentials_for(PEM, "searcher", None, None)
    assert by_tls.is_secure
    assert by_tls.files == (PEM,)


def test_a_certificate_needs_its_key() -> None:
    """Of callers, too."""
    with pytest.raises(ValidationError, match="belong together"):
        Credentials(tls_certificate=PEM)
