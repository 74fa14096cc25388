"""Addresses of gateways as people type them: which can't be one, and why there is no connection to one. Pure.

gRPC takes `localhost` for port 443 of it, and says of a failed connection what its layers saw. The options that the
texts name are those of every command that calls a gateway.
"""

from typing import Final

from services.common.errors import AisleError, FailedPrecondition, InvalidArgument, Unavailable

_DNS: Final = ("dns:///", "dns:")
_OTHER_SCHEMES: Final = ("ipv4:", "ipv6:", "unix:", "unix-abstract:", "vsock:", "xds:")
_NO_CONNECTION: Final = ("connections to all backends failing", "errors resolving", "DNS resolution failed")
"""In gRPC's words, whichever way it balances: all else is said by somebody who was reached."""
_NOBODY: Final = ("refused", "DNS", "errors resolving", "No route to host", "unreachable")


def checked_target(target: str) -> str:
    """Return a target that has a port, or whose scheme needs none.

    Raises:
        InvalidArgument: it is not `host:port`.
    """
    if target.startswith(_OTHER_SCHEMES):
        return target
    rest = next((target.removeprefix(scheme) for scheme in _DNS if target.startswith(scheme)), target)
    host, _, port = rest.rpartition(":")
    bare_ipv6 = ":" in host and not (host.startswith("[") and host.endswith("]"))
    if not host or bare_ipv6 or not port.isascii() or not port.isdigit() or not 0 < int(port) < 1 << 16:
        raise InvalidArgument(f"--target {target!r} is not host:port, such as {host or rest}:50051", field="target")
    return target


def unreached(words: str, address: str, *, is_secure: bool) -> AisleError | None:
    """Return what gRPC's words mean for whoever typed the address; None when they are of somebody who was reached.

    Args:
        words: the text of a status UNAVAILABLE.
        address: the gateway's.
        is_secure: whether it was to be reached by TLS.

    `Unavailable` means that nobody is there, so far; `FailedPrecondition` that somebody is, who can't be talked to so.
    """
    if not words.startswith(_NO_CONNECTION):
        return None
    where = f"{address} ({'by TLS' if is_secure else 'without TLS'})"
    if any(word in words for word in _NOBODY):
        return Unavailable(f"nobody serves at {where}: start it, or name another with --target", field="target")
    return FailedPrecondition(_disagreement(words, where, is_secure=is_secure), field="target")


def _disagreement(words: str, where: str, *, is_secure: bool) -> str:
    if "CERTIFICATE_VERIFY_FAILED" in words:
        why = words.partition("CERTIFICATE_VERIFY_FAILED: ")[2].removesuffix(": OK")
        return f"{where} shows a certificate that is not trusted ({why}): its authority's file is --tls-ca"
    if "Hostname Verification" in words:
        return f"{where} shows a certificate for another name: give the one in it as --tls-server-name"
    if "WRONG_VERSION_NUMBER" in words:
        return f"{where} speaks no TLS: leave out --tls and --tls-ca"
    if "Socket closed" in words or "reset" in words:
        missing = "a certificate of yours (--tls-certificate and --tls-key)" if is_secure else "TLS (--tls-ca)"
        return f"{where} ends the connection at once: it wants {missing}, or is no gateway"
    return (
        f"{where} does not speak as a gateway does; another protocol, or TLS on one side only? "
        f"gRPC says: {words[-200:]}"
    )
