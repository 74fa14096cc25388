"""What a container is told by its variables, as far as the objects say it. Pure."""

import math
from collections.abc import Mapping, Sequence

from services.kubernetes.findings import Object
from services.kubernetes.quantities import amount
from services.kubernetes.workloads import of_kind

ConfigMaps = Mapping[str, Mapping[str, str]]


def config_maps(objects: Sequence[Object]) -> ConfigMaps:
    """Return the data of each ConfigMap, by its name."""
    return {each["metadata"]["name"]: each.get("data", {}) for each in of_kind(objects, "ConfigMap")}


def environment_of(container: Object, maps: ConfigMaps) -> Mapping[str, str]:
    """Return a container's variables whose values are known; later ones go before earlier ones, as in a pod.

    A key that a ConfigMap lacks, or a resource without a limit, leaves its variable out.
    """
    variables: dict[str, str] = {}
    for source in container.get("envFrom", ()):
        told = maps.get(source.get("configMapRef", {}).get("name", ""), {})
        variables |= {source.get("prefix", "") + name: value for name, value in told.items()}
    for each in container.get("env", ()):
        value = each.get("value") if "valueFrom" not in each else _looked_up(each["valueFrom"], container, maps)
        if value is not None:
            variables[each["name"]] = value
    return variables


def _looked_up(source: Object, container: Object, maps: ConfigMaps) -> str | None:
    if "configMapKeyRef" in source:
        key = source["configMapKeyRef"]
        return maps.get(key.get("name", ""), {}).get(key["key"])
    if "resourceFieldRef" in source:
        field = source["resourceFieldRef"]
        kind, _, resource = field["resource"].partition(".")
        quantity = container.get("resources", {}).get(kind, {}).get(resource)
        return None if quantity is None else str(math.ceil(amount(quantity) / (amount(field.get("divisor", 1)) or 1)))
    return None
