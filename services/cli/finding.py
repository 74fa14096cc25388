"""Which gateway a command talks to."""

from pathlib import Path

from services.cli.state import running_system_state
from services.client import DEFAULT_TARGET


def running_gateway(run_folder: Path) -> str:
    """Return `host:port` of the gateway of the system that runs from this folder; empty when there is none."""
    state = running_system_state(run_folder)
    return "" if state is None else state.gateway


def gateway_address(target: str, run_folder: Path) -> str:
    """Return the gateway's `host:port`: the one that was named, else the running system's, else the default."""
    return target or running_gateway(run_folder) or DEFAULT_TARGET
