"""What processes are told is what they can be told: each container's settings, read as the process reads them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from pydantic import ValidationError

from services.common.misfits import in_words, meant, place_of
from services.common.settings import Settings
from services.gateway.config import GatewaySettings
from services.indexer.config import IndexerSettings
from services.kubernetes.environment import ConfigMaps, config_maps, environment_of
from services.kubernetes.findings import Finding, Object
from services.kubernetes.workloads import workloads
from services.loadtest.config import LoadtestSettings
from services.searcher.config import SearcherSettings

_RULE: Final = "settings"
_TYPES: Final[Mapping[str, type[Settings]]] = {
    "gateway": GatewaySettings,
    "searcher": SearcherSettings,
    "indexer": IndexerSettings,
    "loadtest": LoadtestSettings,
}
"""By the container's name."""


def findings(objects: Sequence[Object]) -> Iterator[Finding]:
    """Yield settings that a process would refuse to start with."""
    maps = config_maps(objects)
    for workload in workloads(objects):
        for container in workload.containers:
            kind = _TYPES.get(container["name"])
            if kind is not None:
                for message in _of(container, kind, maps):
                    yield Finding(workload.where, _RULE, message)


def _of(container: Object, kind: type[Settings], maps: ConfigMaps) -> Iterator[str]:
    prefix = f"AISLE_{container['name'].upper()}_"
    told = {
        name.removeprefix(prefix).lower(): value
        for name, value in environment_of(container, maps).items()
        if name.startswith(prefix)
    }
    options, others = _options(container.get("args", ()))
    told |= options
    yield from (f"argument {other!r} is no option with a value" for other in others)
    unknown = told.keys() - kind.model_fields.keys()
    for name in (f"{prefix}{each.upper()}" for each in sorted(unknown)):
        hint = meant(name, [f"{prefix}{each.upper()}" for each in kind.model_fields])
        yield f"{name} is no setting of it{'; ' + hint if hint else ''}"
    try:
        kind.model_validate({name: value for name, value in told.items() if name not in unknown})
    except ValidationError as invalid:
        for error in invalid.errors():
            yield f"setting {place_of(error, kind)}: {in_words(error, kind)}"


def _options(arguments: Sequence[str]) -> tuple[dict[str, str], Sequence[str]]:
    """Return options with their values, as `--shards bag` or `--shards=bag`, and what is neither."""
    options: dict[str, str] = {}
    others = []
    rest = iter(arguments)
    for argument in rest:
        name, equals, value = argument.partition("=")
        given = value if equals else next(rest, None)
        if given is None or not name.startswith("--"):
            others.append(argument)
        else:
            options[name.removeprefix("--").replace("-", "_")] = given
    return options, others
