"""Which gateway a command talks to, and why it does not get there."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.cli.credentials import credentials
from services.cli.supervising.state import running_system_state
from services.client import DEFAULT_TARGET
from services.common.errors import AisleError
from services.common.gateway_addresses import checked_target, unreached


def running_gateway(run_folder: Path) -> str:
    """Return `host:port` of the gateway of the system that runs from this folder; empty when there is none."""
    state = running_system_state(run_folder)
    return "" if state is None else state.gateway


def gateway_address(target: str, run_folder: Path) -> str:
    """Return the gateway's `host:port`: the one that was named, else the running system's, else the default.

    Raises:
        InvalidArgument: the one that was named has no port.
    """
    return checked_target(target) if target else running_gateway(run_folder) or DEFAULT_TARGET


def explained(error: AisleError, gateway: str) -> AisleError:
    """Return an error of a call in words for whoever named the gateway, where gRPC alone has spoken."""
    if error.code != "UNAVAILABLE":
        return error
    return unreached(error.message, gateway, is_secure=credentials().is_secure) or error


@contextmanager
def explaining(gateway: str) -> Iterator[None]:
    """Raise what calls to a gateway raise, `explained`."""
    try:
        yield
    except AisleError as error:
        raise explained(error, gateway) from None
