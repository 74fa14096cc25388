"""Who may talk to whom: every flow that the system needs is allowed by the NetworkPolicies, and no other. Pure.

Policies are evaluated as Kubernetes defines them: a pod that no policy of a direction selects may do anything, else
what one of them allows; both ends have to agree.
"""

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from services.kubernetes.findings import Finding, Object
from services.kubernetes.workloads import of_kind, selects, workloads

_RULE: Final = "network"
_ROLE: Final = "app.kubernetes.io/name"
_DEFAULT_DENY: Final = "default-deny"
_STORAGE: Final = "object-storage"

NEEDED: Final = {
    ("caller", "gateway", "grpc"),
    ("loadtest", "gateway", "grpc"),
    ("gateway", "triton", "grpc"),
    ("gateway", "searcher", "grpc"),
    ("indexer", "triton", "grpc"),
    *(("prometheus", role, "metrics") for role in ("gateway", "searcher", "triton")),
    *((role, "dns", name) for role in ("gateway", "searcher", "indexer", "loadtest") for name in ("dns", "dns-tcp")),
    *((role, _STORAGE, "https") for role in ("gateway", "searcher", "indexer")),
}
"""Flows by role, role and the name of the port; those with object storage only where snapshots are there."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Someone who could talk or be talked to.

    Attributes:
        role: what it is called in `NEEDED`.
        name: of the very one, for findings.
        labels: of its pod.
        namespace_labels: of its pod's namespace; empty for what is in no cluster.
        is_ours: whether it is in the namespace that the policies are about.
        address: for what is no pod.
        ports: protocol and number by name.
    """

    role: str
    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    namespace_labels: Mapping[str, str] = field(default_factory=dict)
    is_ours: bool = False
    address: str = ""
    ports: Mapping[str, tuple[str, int]] = field(default_factory=dict)


def findings(objects: Sequence[Object]) -> Iterator[Finding]:
    """Yield flows that are needed and not allowed, or allowed and not needed."""
    policies = of_kind(objects, "NetworkPolicy")
    if not any(_denies_all(policy) for policy in policies):
        yield Finding("NetworkPolicy", _RULE, f"none denies everything both ways ({_DEFAULT_DENY})")
    ours = list(_our_pods(objects))
    outside = [*_OUTSIDE, *_storage(policies)]
    stored_outside = _snapshots_are_remote(objects)
    for source in (*ours, *outside):
        for target in (*ours, *outside):
            if source is target or not (source.is_ours or target.is_ours):
                continue
            for name in target.ports:
                needed = (source.role, target.role, name) in NEEDED and (target.role != _STORAGE or stored_outside)
                allowed = is_allowed(policies, source, target, name)
                if needed != allowed:
                    verb = "needed, but not allowed" if needed else "allowed, but nobody needs it"
                    yield Finding(f"NetworkPolicy {source.name} -> {target.name}", _RULE, f"port {name}: {verb}")
    if stored_outside and not _storage(policies):
        yield Finding("NetworkPolicy", _RULE, f"snapshots are in object storage, but no policy {_STORAGE} leads there")


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
        if direction.capitalize() in _types(policy) and selects(policy["spec"].get("podSelector") or {}, of.labels)
    ]
    peers = "to" if direction == "egress" else "from"
    return not about or any(
        _includes(rule.get(peers), other) and _has_port(rule.get("ports"), port)
        for spec in about
        for rule in spec.get(direction) or ()
    )


def _types(policy: Object) -> Sequence[str]:
    spec = policy["spec"]
    return spec.get("policyTypes") or ["Ingress", *(["Egress"] if "egress" in spec else [])]


def _includes(peers: Sequence[Mapping[str, Any]] | None, other: Endpoint) -> bool:
    return not peers or any(_is_peer(peer, other) for peer in peers)


def _is_peer(peer: Mapping[str, Any], other: Endpoint) -> bool:
    block = peer.get("ipBlock")
    if block is not None:
        return bool(other.address) and _in_block(other.address, block)
    if other.address:
        return False
    namespace = peer.get("namespaceSelector")
    in_namespace = other.is_ours if namespace is None else selects(namespace, other.namespace_labels)
    pods = peer.get("podSelector")
    return in_namespace and (pods is None or selects(pods, other.labels))


def _in_block(address: str, block: Mapping[str, Any]) -> bool:
    at = ipaddress.ip_address(address)
    inside = at in ipaddress.ip_network(block["cidr"])
    return inside and not any(at in ipaddress.ip_network(hole) for hole in block.get("except") or ())


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


def _denies_all(policy: Object) -> bool:
    spec = policy["spec"]
    return (
        not spec.get("podSelector")
        and set(_types(policy)) == {"Ingress", "Egress"}
        and not (spec.get("ingress") or spec.get("egress"))
    )


def _our_pods(objects: Sequence[Object]) -> Iterator[Endpoint]:
    for workload in workloads(objects):
        ports = {name: ("TCP", number) for name, number in workload.ports()}
        namespace = {"kubernetes.io/metadata.name": workload.source["metadata"].get("namespace", "")}
        role = workload.labels.get(_ROLE, workload.where)
        yield Endpoint(role, workload.where, workload.labels, namespace, is_ours=True, ports=ports)
    yield Endpoint("stranger", "a stranger beside us", {_ROLE: "stranger"}, is_ours=True, ports={"any": ("TCP", 8080)})


def _namespace(name: str, **labels: str) -> Mapping[str, str]:
    return {"kubernetes.io/metadata.name": name, **{key.replace("_", "/"): value for key, value in labels.items()}}


_OUTSIDE: Final = (
    Endpoint("caller", "a caller", {"aisle/caller": "true"}, _namespace("shop", aisle_callers="true")),
    Endpoint("stranger", "a pod without the label", {}, _namespace("shop", aisle_callers="true")),
    Endpoint("stranger", "a caller of a namespace without the label", {"aisle/caller": "true"}, _namespace("games")),
    Endpoint("prometheus", "Prometheus", {"app.kubernetes.io/name": "prometheus"}, _namespace("monitoring")),
    Endpoint("stranger", "a pod beside Prometheus", {}, _namespace("monitoring")),
    Endpoint(
        "dns",
        "DNS",
        {"k8s-app": "kube-dns"},
        _namespace("kube-system"),
        ports={"dns": ("UDP", 53), "dns-tcp": ("TCP", 53), "metrics": ("TCP", 9153)},
    ),
    Endpoint("stranger", "the API server", address="10.0.0.1", ports={"https": ("TCP", 443)}),
    Endpoint(
        "stranger",
        "the cloud's metadata",
        address="169.254.169.254",
        ports={"http": ("TCP", 80), "https": ("TCP", 443)},
    ),
    Endpoint("stranger", "a web server", address="93.184.216.34", ports={"http": ("TCP", 80), "ssh": ("TCP", 22)}),
)


def _storage(policies: Sequence[Object]) -> Sequence[Endpoint]:
    """Return an address of the object storage, as the policy of that name leads there."""
    for policy in policies:
        if policy["metadata"]["name"] == _STORAGE:
            rule = policy["spec"]["egress"][0]
            block, (port, *_) = rule["to"][0]["ipBlock"], rule["ports"]
            addresses = (str(address) for address in ipaddress.ip_network(block["cidr"]).hosts())
            address = next(each for each in addresses if _in_block(each, block))
            return (Endpoint(_STORAGE, "object storage", address=address, ports={"https": ("TCP", port["port"])}),)
    return ()


def _snapshots_are_remote(objects: Sequence[Object]) -> bool:
    roots = [(each.get("data") or {}).get("root", "") for each in of_kind(objects, "ConfigMap")]
    return any("://" in root and not root.startswith("file:") for root in roots)
