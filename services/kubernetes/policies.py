"""NetworkPolicies, evaluated as Kubernetes defines them. Pure.

A pod that no policy of a direction selects may do anything, else what one of them allows; both ends have to agree.
"""

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.kubernetes.findings import Object
from services.kubernetes.workloads import selects


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Someone who could talk or be talked to.

    Attributes:
        role: what it is in a flow; several may have the same.
        name: of the very one, for findings.
        labels: of its pod.
        namespace_labels: of its pod's namespace; empty for what is in no cluster.
        is_ours: whether it is a pod of ours: only our policies are about it.
        is_beside: whether it is somebody else's pod in our namespace. What our policies deny it, others may allow.
        address: for what is no pod.
        ports: protocol and number by name.
    """

    role: str
    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    namespace_labels: Mapping[str, str] = field(default_factory=dict)
    is_ours: bool = False
    is_beside: bool = False
    address: str = ""
    ports: Mapping[str, tuple[str, int]] = field(default_factory=dict)


def is_allowed(policies: Sequence[Object], source: Endpoint, target: Endpoint, port: str) -> bool:
    """Return whether a flow may be, by what both ends' policies say."""
    protocol, number = target.ports[port]
    return _passes(policies, source, target, "egress", (protocol, number, port)) and _passes(
        policies, target, source, "ingress", (protocol, number, port)
    )


def _passes(
    policies: Sequence[Object], of: Endpoint, other: Endpoint, direction: str, port: tuple[str, int, str]
) -> bool:
    if not of.is_ours:
        return True
    about = [
        policy["spec"]
        for policy in policies
        if direction.capitalize() in _types_of(policy["spec"])
        and selects(policy["spec"].get("podSelector", {}), of.labels)
    ]
    peers = "to" if direction == "egress" else "from"
    return not about or any(
        _includes(rule.get(peers), other) and _has_port(rule.get("ports"), port)
        for spec in about
        for rule in spec.get(direction, ())
    )


def _types_of(spec: Object) -> Sequence[str]:
    return spec.get("policyTypes") or ["Ingress", *(["Egress"] if "egress" in spec else [])]


def _includes(peers: Sequence[Mapping[str, Any]] | None, other: Endpoint) -> bool:
    return not peers or any(_is_peer(peer, other) for peer in peers)


def _is_peer(peer: Mapping[str, Any], other: Endpoint) -> bool:
    block = peer.get("ipBlock")
    if block is not None:
        return bool(other.address) and in_block(other.address, block)
    if other.address:
        return False
    namespace = peer.get("namespaceSelector")
    in_namespace = (
        (other.is_ours or other.is_beside) if namespace is None else selects(namespace, other.namespace_labels)
    )
    pods = peer.get("podSelector")
    return in_namespace and (pods is None or selects(pods, other.labels))


def in_block(address: str, block: Mapping[str, Any]) -> bool:
    """Return whether an `ipBlock` has an address."""
    at = ipaddress.ip_address(address)
    inside = at in ipaddress.ip_network(block["cidr"], strict=False)
    return inside and not any(at in ipaddress.ip_network(hole, strict=False) for hole in block.get("except", ()))


def _has_port(ports: Sequence[Mapping[str, Any]] | None, port: tuple[str, int, str]) -> bool:
    protocol, number, name = port
    if not ports:
        return True
    for each in ports:
        wanted = each.get("port")
        last = each.get("endPort", wanted)
        fits = wanted is None or wanted == name or (isinstance(wanted, int) and wanted <= number <= last)
        if each.get("protocol", "TCP") == protocol and fits:
            return True
    return False


def denies_all(policy: Object) -> bool:
    """Return whether a policy is about every pod, both ways, and allows nothing."""
    spec = policy["spec"]
    return (
        not spec.get("podSelector")
        and set(_types_of(spec)) == {"Ingress", "Egress"}
        and not (spec.get("ingress") or spec.get("egress"))
    )
