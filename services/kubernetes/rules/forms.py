"""What an API server refuses though schemas let it pass: no name, no specification, no amount, no address. Pure.

The rules after this one take all of it for granted.
"""

import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from services.common.errors import SettingsInvalid
from services.kubernetes.findings import Finding, Object, where
from services.kubernetes.quantities import amount
from services.kubernetes.workloads import WORKLOADS, of_kind

_RULE: Final = "schema"
_IDENTITY: Final = {
    "apiVersion": re.compile(r"(?:[a-z0-9.-]+/)?v\d+(?:(?:alpha|beta)\d+)?", re.ASCII),
    "kind": re.compile(r"[A-Z][A-Za-z0-9]*"),
}
_SPECIFIED: Final = frozenset(
    ["Service", "PodDisruptionBudget", "HorizontalPodAutoscaler", "NetworkPolicy", "PodMonitor", *WORKLOADS]
)
_AMOUNTS: Final = frozenset(["sizeLimit", "divisor", "averageValue"])
_AMOUNT_PATH: Final = ".target.value"
_AMOUNTS_BY_NAME: Final = (".resources.requests", ".resources.limits")
"""Where amounts are, in the specifications of all kinds: by the key, and by the end of the path."""


def identities(objects: Sequence[Any]) -> Iterator[Finding]:
    """Yield what is no object: a mapping with an API version, a kind and a name."""
    for each in objects:
        if not isinstance(each, dict):
            yield Finding("?", _RULE, f"an object is keys and values, not {str(each)[:60]!r}")
            continue
        for key, form in _IDENTITY.items():
            told = each.get(key)
            if not isinstance(told, str) or not form.fullmatch(told):
                yield Finding(where(each), _RULE, f"{key}: {told!r} is none")
        metadata = each.get("metadata")
        name = metadata.get("name") if isinstance(metadata, Mapping) else None
        if not isinstance(name, str) or not name:
            yield Finding(where(each), _RULE, "metadata.name: it has none")


def findings(objects: Sequence[Object]) -> Iterator[Finding]:
    """Yield what schemas leave open; objects fit them, and have no nulls."""
    if lacking := [*_lacking(objects)]:
        yield from lacking
        return
    for policy in of_kind(objects, "NetworkPolicy"):
        yield from (Finding(where(policy), _RULE, message) for message in _of_addresses(policy["spec"]))
    for each in objects:
        for path, quantity in _amounts(each.get("spec"), "spec"):
            try:
                amount(quantity)
            except SettingsInvalid as invalid:
                yield Finding(where(each), _RULE, f"{path}: {invalid.message}")


def _lacking(objects: Sequence[Object]) -> Iterator[Finding]:
    for each in objects:
        if each["kind"] in _SPECIFIED and "spec" not in each:
            yield Finding(where(each), _RULE, "spec: it has none")
        for path in _null_items(each):
            yield Finding(where(each), _RULE, f"{path}: an item of a list is null")


def _null_items(value: Any, path: str = "") -> Iterator[str]:
    """Yield the places of lists that hold a null, which schemas take for any item."""
    match value:
        case dict():
            for key, each in value.items():
                yield from _null_items(each, f"{path}.{key}" if path else key)
        case list():
            if None in value:
                yield path
            for place, each in enumerate(value):
                yield from _null_items(each, f"{path}.{place}")


def _of_addresses(spec: Object) -> Iterator[str]:
    rules = [*spec.get("ingress", ()), *spec.get("egress", ())]
    blocks = [
        peer["ipBlock"] for rule in rules for peer in (*rule.get("from", ()), *rule.get("to", ())) if "ipBlock" in peer
    ]
    for block in blocks:
        for network in (block["cidr"], *block.get("except", ())):
            try:
                ipaddress.ip_network(network, strict=False)
            except ValueError:
                yield f"ipBlock: {network!r} is no range of addresses: as in 10.0.0.0/8"


def _amounts(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield place and value of each amount: of resources, volumes, environments and what autoscalers aim at."""
    match value:
        case dict():
            for key, each in value.items():
                place = f"{path}.{key}"
                if key in _AMOUNTS or place.endswith(_AMOUNT_PATH):
                    yield place, each
                elif place.endswith(_AMOUNTS_BY_NAME) and isinstance(each, dict):
                    yield from ((f"{place}.{name}", quantity) for name, quantity in each.items())
                else:
                    yield from _amounts(each, place)
        case list():
            for number, each in enumerate(value):
                yield from _amounts(each, f"{path}.{number}")
