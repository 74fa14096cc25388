"""What a system's processes would refuse at their start, found out before the first of them is started."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from services.common.errors import SettingsInvalid, Unavailable
from services.common.lifecycle import ServerSettings
from services.common.security.dialling import Dialler
from services.common.security.guard import read_security_files
from services.common.settings import load_settings
from services.common.tracing import tracing_to
from services.gateway.config import GatewaySettings
from services.models.client import TritonModels
from services.searcher.config import SearcherSettings

_TOPOLOGY = "topology.json"  # it is not read here: the system writes it later


def check_settings(snapshot_root: str, triton: str) -> GatewaySettings:
    """Check what gateway and searchers are told, by the environment too, and the files that it names.

    Args:
        snapshot_root: folder or fsspec URL.
        triton: `host:port`; empty for one that the system starts itself.

    Returns:
        What the gateway is told.

    Raises:
        SettingsInvalid: one of them could not start so; the message says which, and why.
    """
    root = ("--snapshot-root", snapshot_root)
    with _told_of("searcher"):
        _checked("searcher", SearcherSettings, root)
    with _told_of("gateway"):
        named = ("--triton", triton) if triton else ()
        gateway = _checked("gateway", GatewaySettings, (*root, "--topology", _TOPOLOGY, *named))
        for credentials in (gateway.searcher_credentials, gateway.triton_credentials):
            credentials.read()
    return gateway


async def check_triton(gateway: GatewaySettings) -> None:
    """Check that one of the gateway's Tritons answers; it need not be ready yet.

    Raises:
        Unavailable: none does.
    """
    dialler = Dialler(gateway.triton_credentials)
    for target in gateway.triton:
        models = TritonModels(target, dialler)
        try:
            if await models.says_ready() is not None:
                return
        finally:
            await models.close()
    raise Unavailable(
        f"no Triton answers at {', '.join(gateway.triton)}: start it, or leave out --triton to have one started"
    )


S = TypeVar("S", bound=ServerSettings)


def _checked(name: str, settings_type: type[S], argv: Sequence[str]) -> S:
    settings = load_settings(settings_type, name, argv)
    read_security_files(settings)
    if (tracing := tracing_to(settings.trace_endpoint, name, settings.trace_share)) is not None:
        tracing.close()
    return settings


@contextmanager
def _told_of(name: str) -> Iterator[None]:
    """Say of what is wrong whose setting it is."""
    try:
        yield
    except SettingsInvalid as invalid:
        raise SettingsInvalid(f"{name}: {invalid.message}", field=invalid.field) from None
