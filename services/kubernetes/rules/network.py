"""Every flow that the system needs is allowed by the NetworkPolicies, and no other. Pure."""

from collections.abc import Iterator, Sequence
from typing import Final

from services.kubernetes.findings import Finding, Object
from services.kubernetes.flows import STORAGE, inside, needed_flows, outside, snapshots_are_remote
from services.kubernetes.policies import denies_all, is_allowed
from services.kubernetes.workloads import of_kind

_RULE: Final = "network"
_DEFAULT_DENY: Final = "default-deny"


def findings(objects: Sequence[Object]) -> Iterator[Finding]:
    """Yield flows that are needed and not allowed, or allowed and not needed."""
    policies = of_kind(objects, "NetworkPolicy")
    if not any(denies_all(policy) for policy in policies):
        yield Finding("NetworkPolicy", _RULE, f"none denies everything both ways ({_DEFAULT_DENY})")
    others = outside(objects)
    everybody = [*inside(objects), *others]
    flows = needed_flows(objects, others)
    for source in everybody:
        for target in everybody:
            if source is target or not (source.is_ours or target.is_ours):
                continue
            for name in target.ports:
                needed = (source.role, target.role, name) in flows
                if needed != is_allowed(policies, source, target, name):
                    verb = "needed, but not allowed" if needed else "allowed, but nobody needs it"
                    yield Finding(f"NetworkPolicy {source.name} -> {target.name}", _RULE, f"port {name}: {verb}")
    if snapshots_are_remote(objects) and not any(each.role == STORAGE for each in others):
        yield Finding("NetworkPolicy", _RULE, f"snapshots are in object storage, but no policy {STORAGE} leads there")
