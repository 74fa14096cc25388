"""Who could talk to whom, and which of it the system needs. Pure."""

import ipaddress
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from services.kubernetes.environment import config_maps, environment_of
from services.kubernetes.findings import Object
from services.kubernetes.policies import Endpoint, in_block
from services.kubernetes.workloads import Workload, of_kind, workloads

Flow = tuple[str, str, str]
"""Who calls, who is called, and the name of the port."""

STORAGE: Final = "object-storage"
"""The name of the policy that leads to the snapshots, and the role of what it leads to."""
_ROLE: Final = "app.kubernetes.io/name"
_HTTPS: Final = 443
_OTLP: Final = 4317

_ALWAYS: Final = frozenset(
    [
        ("caller", "gateway", "grpc"),
        ("caller", "gateway", "certificates"),  # where a component has that port
        ("loadtest", "gateway", "grpc"),
        ("gateway", "triton", "grpc"),
        ("gateway", "searcher", "grpc"),
        ("indexer", "triton", "grpc"),
        *(("prometheus", role, "metrics") for role in ("gateway", "searcher", "triton")),
        *(
            (role, "dns", name)
            for role in ("gateway", "searcher", "indexer", "loadtest")
            for name in ("dns", "dns-tcp")
        ),
    ]
)
_READERS: Final = ("gateway", "searcher", "indexer")
"""Of snapshots, wherever they are."""


def needed_flows(objects: Sequence[Object], others: Collection[Endpoint]) -> frozenset[Flow]:
    """Return the flows that the system needs: to object storage and collectors only where it is told of them.

    Args:
        objects: of an overlay.
        others: those outside, as `outside` has them.
    """
    storage = {port for each in others if each.role == STORAGE for port in each.ports}
    stored = {(role, STORAGE, port) for role in _READERS for port in storage} if snapshots_are_remote(objects) else ()
    traced = {(_role(workload), f"collector {url}", "otlp") for workload, url in _traced(objects)}
    return _ALWAYS.union(stored, traced)


def snapshots_are_remote(objects: Sequence[Object]) -> bool:
    """Return whether snapshots are in object storage, and not on a volume."""
    roots = [data.get("root", "") for data in config_maps(objects).values()]
    return any("://" in root and not root.startswith("file:") for root in roots)


def inside(objects: Sequence[Object]) -> Iterator[Endpoint]:
    """Yield the pods of the namespace, and beside them one that is none of ours."""
    ours = workloads(objects)
    for workload in ours:
        ports = {name: ("TCP", number) for name, number in workload.ports()}
        namespace = _namespace(workload.namespace)
        yield Endpoint(_role(workload), workload.where, workload.labels, namespace, is_ours=True, ports=ports)
    ports = {"any": ("TCP", 8080)}
    for name in sorted({workload.namespace for workload in ours}):
        labels = {_ROLE: "stranger"}
        yield Endpoint("stranger", "a stranger beside us", labels, _namespace(name), is_beside=True, ports=ports)


def outside(objects: Sequence[Object]) -> Sequence[Endpoint]:
    """Return who is elsewhere: those that may call or be called, and others that may not."""
    policies = [each for each in of_kind(objects, "NetworkPolicy") if each["metadata"]["name"] == STORAGE]
    collectors = {url: _collector(url, workload.namespace) for workload, url in _traced(objects)}
    return [*_OUTSIDE, *collectors.values(), *(each for policy in policies for each in _storage(policy["spec"]))]


def _role(workload: Workload) -> str:
    return workload.labels.get(_ROLE, workload.where)


def _traced(objects: Sequence[Object]) -> Iterator[tuple[Workload, str]]:
    """Yield who sends traces, and to which URL."""
    maps = config_maps(objects)
    for workload in workloads(objects):
        for container in workload.containers:
            url = environment_of(container, maps).get(f"AISLE_{container['name'].upper()}_TRACE_ENDPOINT")
            if url:
                yield workload, url


def _collector(url: str, ours: str) -> Endpoint:
    """Return the collector of a URL such as `http://collector.monitoring.svc:4317`: pods have their Service's name.

    Args:
        url: as a process is told it.
        ours: the namespace of that process; a name without one is there.
    """
    try:
        host, port = urlsplit(url).hostname or "", urlsplit(url).port or _OTLP
    except ValueError:
        host, port = "", _OTLP  # it is nobody's, so no policy leads there
    name, _, rest = host.partition(".")
    namespace = rest.partition(".")[0] or ours
    return Endpoint(
        f"collector {url}",
        url,
        {_ROLE: name},
        _namespace(namespace),
        is_beside=bool(name) and namespace == ours,
        ports={"otlp": ("TCP", port)},
    )


def _storage(spec: Object) -> Iterator[Endpoint]:
    """Yield one of everything that the policy of object storage leads to: an address, or a pod of the cluster's own."""
    for rule in spec.get("egress", ()):
        ports = dict(_port(each) for each in rule.get("ports") or [{}])
        for peer in rule.get("to", ()):
            address = _address(peer["ipBlock"]) if "ipBlock" in peer else ""
            if "ipBlock" in peer and not address:
                continue
            yield Endpoint(
                STORAGE,
                "object storage",
                _example(peer.get("podSelector", {})),
                _example(peer.get("namespaceSelector", {})),
                is_beside="ipBlock" not in peer and "namespaceSelector" not in peer,
                address=address,
                ports=ports,
            )


def _port(told: Mapping[str, Any]) -> tuple[str, tuple[str, int]]:
    """Return name, protocol and number of a policy's port; the number of one that is told by name does not matter."""
    port = told.get("port", _HTTPS)
    return str(port), (told.get("protocol", "TCP"), port if isinstance(port, int) else 0)


def _address(block: Mapping[str, Any]) -> str:
    """Return an address that a block leads to; empty when its holes leave none."""
    network = ipaddress.ip_network(block["cidr"], strict=False)
    holes = [ipaddress.ip_network(hole, strict=False) for hole in block.get("except", ())]
    # Where something is left, something is left at the beginning or right behind a hole.
    numbers = [int(network.network_address), *(int(hole.broadcast_address) + 1 for hole in holes)]
    inside = (number for number in sorted(numbers) if number <= int(network.broadcast_address))
    addresses = (str(type(network.network_address)(number)) for number in inside)
    return next((each for each in addresses if in_block(each, block)), "")


def _example(selector: Mapping[str, Any]) -> Mapping[str, str]:
    """Return labels that a selector fits."""
    wanted = {
        each["key"]: next(iter(each.get("values", ())), "")
        for each in selector.get("matchExpressions", ())
        if each["operator"] in {"In", "Exists"}
    }
    return {**wanted, **selector.get("matchLabels", {})}


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
    Endpoint("stranger", "a web server", address="203.0.113.7", ports={"http": ("TCP", 80), "ssh": ("TCP", 22)}),
)
