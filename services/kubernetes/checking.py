"""All rules together: what is wrong with the objects of an overlay."""

from collections.abc import Sequence

from services.kubernetes.findings import Finding, Object
from services.kubernetes.rules import availability, network, probes, references, resources, schemas, security, settings


def schema_findings(objects: Sequence[Object]) -> list[Finding]:
    """Return what an API server would refuse."""
    return sorted(schemas.findings(objects))


def policy_findings(objects: Sequence[Object]) -> list[Finding]:
    """Return what an API server would take, and we don't."""
    rules = (references, settings, security, resources, probes, availability, network)
    return sorted({finding for rule in rules for finding in rule.findings(objects)})


def findings(objects: Sequence[Object]) -> list[Finding]:
    """Return both; none for objects whose schemas are wrong, for rules rely on them."""
    return schema_findings(objects) or policy_findings(objects)
