"""What processes are told is what they can be told: each container's settings, read as the process reads them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from pydantic import ValidationError

from services.common.settings import Settings
from services.gateway.config import GatewaySettings
from services.indexer.config import IndexerSettings
from services.kubernetes.findings import Finding, Object
from services.kubernetes.quantities import amount
from services.kubernetes.workloads import of_kind, workloads
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
    maps = {each["metadata"]["name"]: each.get("data") or {} for each in of_kind(objects, "ConfigMap")}
    for workload in workloads(objects):
        for container in workload.containers:
            kind = _TYPES.get(container["name"])
            if kind is not None:
                for message in _of(container, kind, maps):
                    yield Finding(workload.where, _RULE, message)


def _of(container: Object, kind: type[Settings], maps: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    prefix = f"AISLE_{container['name'].upper()}_"
    told = {
        name.removeprefix(prefix).lower(): value
        for name, value in _environment(container, maps).items()
        if name.startswith(prefix)
    }
    told |= _options(container.get("args") or ())
    unknown = told.keys() - kind.model_fields.keys()
    for name in sorted(unknown):
        yield f"{prefix}{name.upper()} is no setting of it"
    try:
        kind.model_validate({name: value for name, value in told.items() if name not in unknown})
    except ValidationError as invalid:
        for error in invalid.errors():
            name = ".".join(str(part) for part in error["loc"])
            yield f"setting {name}: {error['msg'].removeprefix('Value error, ')}"


def _environment(container: Object, maps: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    variables: dict[str, Any] = {}
    for source in container.get("envFrom") or ():
        variables |= maps.get((source.get("configMapRef") or {}).get("name", ""), {})
    for each in container.get("env") or ():
        source = each.get("valueFrom") or {}
        if "configMapKeyRef" in source:
            key = source["configMapKeyRef"]
            variables[each["name"]] = maps.get(key["name"], {}).get(key["key"], "")
        elif "resourceFieldRef" in source:
            variables[each["name"]] = int(amount(container["resources"]["limits"]["cpu"]))
        elif "value" in each:
            variables[each["name"]] = each["value"]
    return variables


def _options(arguments: Sequence[str]) -> dict[str, str]:
    names = (argument.removeprefix("--").replace("-", "_") for argument in arguments[::2])
    return dict(zip(names, arguments[1::2], strict=True))
