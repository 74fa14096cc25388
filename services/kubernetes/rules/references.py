"""Everything that an object names is there: ports, selectors, configuration, accounts, volumes, Services. Pure."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

from services.kubernetes.environment import ConfigMaps, config_maps, environment_of
from services.kubernetes.findings import Finding, Object, where
from services.kubernetes.workloads import Workload, of_kind, selects, workloads

_RULE: Final = "references"
_ADDRESSES: Final = ("AISLE_GATEWAY_TRITON", "AISLE_INDEXER_TRITON", "AISLE_LOADTEST_TARGET")
_CLUSTER_WIDE: Final = {"Namespace", "PriorityClass"}


def findings(objects: Sequence[Object]) -> Iterator[Finding]:
    """Yield what points to nothing."""
    pods = workloads(objects)
    yield from _twice(objects)
    yield from _of_namespaces(objects)
    for workload in pods:
        for message in (*_of_configuration(workload, objects), *_of_names(workload, objects)):
            yield Finding(workload.where, _RULE, message)
        if workload.serves and not any(_finds(service, workload) for service in of_kind(objects, "Service")):
            yield Finding(workload.where, _RULE, "no Service finds its pods")
    for service in of_kind(objects, "Service"):
        for message in _of_service(service, pods):
            yield Finding(where(service), _RULE, message)
    for each in of_kind(objects, "PodDisruptionBudget", "NetworkPolicy"):
        selector = each["spec"].get("selector" if each["kind"] == "PodDisruptionBudget" else "podSelector", {})
        if selector and not any(selects(selector, workload.labels) for workload in pods):
            yield Finding(where(each), _RULE, "it is about no pod that there is")
    there = {where(workload.source) for workload in pods}
    for scaler in of_kind(objects, "HorizontalPodAutoscaler"):
        target = "{kind}/{name}".format_map(scaler["spec"]["scaleTargetRef"])
        if target not in there:
            yield Finding(where(scaler), _RULE, f"it scales {target}, which is not there")


def _twice(objects: Sequence[Object]) -> Iterator[Finding]:
    for name, times in Counter(map(where, objects)).items():
        if times > 1:
            yield Finding(name, _RULE, f"it is there {times} times")


def _of_namespaces(objects: Sequence[Object]) -> Iterator[Finding]:
    namespaces = {each["metadata"]["name"] for each in of_kind(objects, "Namespace")}
    for each in objects:
        namespace = each["metadata"].get("namespace")
        if each["kind"] not in _CLUSTER_WIDE and namespace not in namespaces and namespaces:
            yield Finding(where(each), _RULE, f"its namespace is {namespace}, which is none of these objects'")


def _of_configuration(workload: Workload, objects: Sequence[Object]) -> Iterator[str]:
    maps = config_maps(objects)
    for container in workload.all_containers:
        for source in container.get("envFrom", ()):
            name = source.get("configMapRef", {}).get("name")
            if name is not None and name not in maps:
                yield f"container {container['name']}: there is no ConfigMap {name}"
        for variable in container.get("env", ()):
            key = variable.get("valueFrom", {}).get("configMapKeyRef")
            if key is not None and key["key"] not in maps.get(key.get("name", ""), {}):
                has = ", ".join(maps.get(key.get("name", ""), {})) or "nothing"
                yield (
                    f"container {container['name']}: there is no key {key['key']} in a ConfigMap {key.get('name')}, "
                    f"which has {has}"
                )
        for message in _of_addresses(container, maps, objects):
            yield f"container {container['name']}: {message}"
    for volume in workload.pod.get("volumes", ()):
        name = volume.get("configMap", {}).get("name")
        if name is not None and name not in maps:
            yield f"volume {volume['name']}: there is no ConfigMap {name}"


def _of_addresses(container: Object, maps: ConfigMaps, objects: Sequence[Object]) -> Iterator[str]:
    variables = environment_of(container, maps)
    for variable in _ADDRESSES:
        if variable in variables:
            for target in variables[variable].split(","):
                if not is_served(target.removeprefix("dns:///"), objects):
                    yield f"{variable} is {target}, but no Service has that name and port"


def is_served(target: str, objects: Sequence[Object]) -> bool:
    """Return whether a Service has the name and port of a target, such as `searcher-bag:50052`."""
    host, _, port = target.rpartition(":")
    return any(
        service["metadata"]["name"] == host.partition(".")[0]
        and any(str(each["port"]) == port for each in service["spec"].get("ports", ()))
        for service in of_kind(objects, "Service")
    )


def _of_names(workload: Workload, objects: Sequence[Object]) -> Iterator[str]:
    def there(kind: str) -> set[str]:
        return {each["metadata"]["name"] for each in of_kind(objects, kind)}

    pod = workload.pod
    if pod.get("serviceAccountName") not in there("ServiceAccount"):
        yield f"there is no ServiceAccount {pod.get('serviceAccountName')}"
    if pod.get("priorityClassName") not in there("PriorityClass"):
        yield f"there is no PriorityClass {pod.get('priorityClassName')}"
    volumes = pod.get("volumes", ())
    for volume in volumes:
        claim = volume.get("persistentVolumeClaim", {}).get("claimName")
        if claim is not None and claim not in there("PersistentVolumeClaim"):
            yield f"volume {volume['name']}: there is no PersistentVolumeClaim {claim}"
    named = {volume["name"] for volume in volumes}
    mounted = {mount["name"] for each in workload.all_containers for mount in each.get("volumeMounts", ())}
    for name in sorted(mounted - named):
        yield f"volume {name} is mounted, but there is none"
    for name in sorted(named - mounted):
        yield f"volume {name} is mounted by no container"


def _finds(service: Object, workload: Workload) -> bool:
    selector = service["spec"].get("selector")
    return bool(selector) and selects({"matchLabels": selector}, workload.labels)


def _of_service(service: Object, pods: Sequence[Workload]) -> Iterator[str]:
    found = [workload for workload in pods if workload.serves and _finds(service, workload)]
    if len(found) != 1:
        yield f"it finds the pods of {len(found)} workloads; let its selector be about one"
    for workload in found:
        for port in service["spec"].get("ports", ()):
            target: Any = port.get("targetPort", port["port"])
            if workload.port_number(target) is None:
                yield f"port {port['port']} leads to {target}, which {workload.where} does not declare"
