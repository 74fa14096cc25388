"""All rules together: what is wrong with the objects of an overlay."""

from collections.abc import Sequence
from typing import Any

from services.kubernetes.findings import Finding, Object
from services.kubernetes.rules import (
    availability,
    certificates,
    forms,
    growth,
    images,
    monitoring,
    network,
    probes,
    references,
    resources,
    schemas,
    security,
    settings,
    shard_map,
)
from services.snapshot.manifest import Manifest

_POLICIES = (
    references,
    certificates,
    monitoring,
    settings,
    shard_map,
    security,
    images,
    resources,
    probes,
    availability,
    network,
)


def schema_findings(objects: Sequence[Object]) -> list[Finding]:
    """Return what an API server would refuse."""
    return _refused(objects, _told(objects))


def policy_findings(objects: Sequence[Object]) -> list[Finding]:
    """Return what an API server would take, and we don't; nothing is found in the schemas of these objects."""
    return _unwanted(_told(objects))


def findings(objects: Sequence[Object], manifest: Manifest | None = None) -> list[Finding]:
    """Return both; of objects whose schemas are wrong no more than that, for rules rely on them.

    Args:
        objects: of an overlay.
        manifest: of the snapshot that its searchers are to be enough for; None where that does not matter.
    """
    told = _told(objects)
    if wrong := _refused(objects, told):
        return wrong
    outgrown = [] if manifest is None else growth.findings(told, manifest)
    return sorted([*_unwanted(told), *outgrown])


def _refused(objects: Sequence[Object], told: Sequence[Object]) -> list[Finding]:
    return sorted(list(forms.identities(objects)) or list(schemas.findings(objects)) or list(forms.findings(told)))


def _unwanted(told: Sequence[Object]) -> list[Finding]:
    return sorted({finding for rule in _POLICIES for finding in rule.findings(told)})


def _told(objects: Sequence[Object]) -> list[Object]:
    """Return the objects without nulls: to an API server they are as if they were not there."""
    return [_without_nulls(each) for each in objects]


def _without_nulls(value: Any) -> Any:
    match value:
        case dict():
            return {key: _without_nulls(each) for key, each in value.items() if each is not None}
        case list():
            return [_without_nulls(each) for each in value]
        case _:
            return value
