"""The hints of a system that serves can be typed as they are, or say what they lack."""

from pathlib import Path

from services.cli.foreground import reaching_options
from services.common.security.settings import SecuritySettings

_CERTIFICATE = {"tls_certificate": Path("gateway.pem"), "tls_key": Path("gateway.key")}


def test_hints_say_what_the_gateway_wants_to_see() -> None:
    """Nothing, an authority, a token, or a certificate, which stands for a token."""
    access = {"access_file": Path("access.yaml")}
    assert reaching_options(SecuritySettings()) == []
    assert reaching_options(SecuritySettings(**_CERTIFICATE)) == ["--tls-ca", "CA.pem"]
    assert reaching_options(SecuritySettings(**access)) == ["--token-file", "TOKEN"]
    mutual = SecuritySettings(**_CERTIFICATE, **access, tls_client_ca=Path("callers.pem"))
    assert " ".join(reaching_options(mutual)) == "--tls-ca CA.pem --tls-certificate YOURS.pem --tls-key YOURS.key"
