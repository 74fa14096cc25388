"""The lines that gRPC itself writes to stderr: none from a command, and all from the processes that it starts."""

import os
from collections.abc import Mapping
from typing import Final

_VERBOSITY: Final = "GRPC_VERBOSITY"
_SILENT: Final = "NONE"


def silence() -> None:
    """Let gRPC write no line for each failed handshake: what it means, the command says itself.

    A verbosity that somebody has set stays.
    """
    os.environ.setdefault(_VERBOSITY, _SILENT)


def environment_of_children() -> Mapping[str, str]:
    """Return our environment without the silence: operators look for failed handshakes in the processes' logs."""
    return {name: value for name, value in os.environ.items() if (name, value) != (_VERBOSITY, _SILENT)}
