"""What the gateway is shown and has to show: the options that stand before a command, or its environment."""

from contextvars import ContextVar

from services.common.security.credentials import PLAIN, Credentials

_SAID = ContextVar("credentials", default=PLAIN)


def credentials() -> Credentials:
    """Return what the options before the command that runs have said; without a command, neither TLS nor a token."""
    return _SAID.get()


def reach_with(said: Credentials) -> None:
    """Note what they have said; it holds for the command that follows."""
    _SAID.set(said)
