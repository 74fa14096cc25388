"""Probes with the right meanings, and ends that leave time to finish. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from services.kubernetes.findings import Finding, Object, where
from services.kubernetes.workloads import Workload, of_kind, workloads

_RULE: Final = "probes"
_KINDS: Final = ("startupProbe", "readinessProbe", "livenessProbe")
LIVENESS: Final = "liveness"
"""As `services.common.health` calls it; this module stays free of gRPC, and a test holds the two together."""
_OURS: Final = ("gateway", "searcher")
_END_SECONDS: Final = 5
"""For what comes after the grace: closing channels, unmapping files, the kernel."""
_DEFAULTS: Final = {"DRAIN_SECONDS": 0.2, "GRACE_SECONDS": 10.0}
"""As `services.common.lifecycle` has them; a test holds the two together."""


def findings(objects: Sequence[Object]) -> Iterator[Finding]:
    """Yield probes that are missing or mean the wrong thing, and pods that would be killed at work."""
    settings = {each["metadata"]["name"]: each.get("data") or {} for each in of_kind(objects, "ConfigMap")}
    for workload in workloads(objects):
        if workload.serves:
            for message in (*_of_probes(workload), *_of_end(workload, settings)):
                yield Finding(where(workload.source), _RULE, message)


def _of_probes(workload: Workload) -> Iterator[str]:
    for container in workload.containers:
        name = container["name"]
        for kind in _KINDS:
            problem = _problem(workload, container, kind)
            if problem:
                yield f"container {name}: {problem}"
        if name in _OURS:
            for kind in ("startupProbe", "livenessProbe"):
                if _service(container, kind) != LIVENESS:
                    yield f"container {name}: {kind} does not ask for {LIVENESS!r}: what only loads would be killed"
            if _service(container, "readinessProbe") == LIVENESS:
                yield f"container {name}: readinessProbe asks for {LIVENESS!r}: calls would come before it has loaded"
        if _patience(container, "livenessProbe") <= _patience(container, "readinessProbe"):
            yield f"container {name}: it is killed before it is left alone: let livenessProbe be the more patient one"


def _problem(workload: Workload, container: Object, kind: str) -> str:
    probe = container.get(kind)
    if probe is None:
        return f"no {kind}"
    if "grpc" not in probe and not _speaks_tls_only(container):
        return f"{kind} is not a gRPC probe"
    port = _asked(probe)
    return "" if workload.port_number(port) is not None else f"{kind} asks port {port}, which is not declared"


def _speaks_tls_only(container: Object) -> bool:
    """Return whether no gRPC probe could ask it, for they speak no TLS: a Triton, which has one gRPC port."""
    return container["name"] == "triton" and "--grpc-use-ssl=true" in (container.get("args") or ())


def _asked(probe: Mapping[str, Any]) -> int | str:
    port: int | str = (probe.get("grpc") or probe.get("httpGet") or {}).get("port", 0)
    return port


def _service(container: Object, kind: str) -> str:
    return str(((container.get(kind) or {}).get("grpc") or {}).get("service") or "")


def _patience(container: Object, kind: str) -> int:
    probe = container.get(kind) or {}
    return int(probe.get("periodSeconds", 10)) * int(probe.get("failureThreshold", 3))


def _of_end(workload: Workload, settings: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    given = int(workload.pod.get("terminationGracePeriodSeconds", 30))
    for container in workload.containers:
        pause = (((container.get("lifecycle") or {}).get("preStop") or {}).get("sleep") or {}).get("seconds")
        if not pause:
            yield f"container {container['name']}: no preStop sleep: it would end before callers have heard of it"
        needed = float(pause or 0) + seconds_to_end(container, settings) + _END_SECONDS
        if given < needed:
            yield (
                f"container {container['name']}: terminationGracePeriodSeconds is {given}, but preStop, drain and "
                f"grace take {needed:g} s"
            )


def seconds_to_end(container: Object, settings: Mapping[str, Mapping[str, str]]) -> float:
    """Return how long a container may take to end once it was told to.

    Args:
        container: of a gateway, a searcher or a Triton.
        settings: the data of each ConfigMap, by name.
    """
    if container["name"] not in _OURS:
        arguments = dict(argument.partition("=")[::2] for argument in container.get("args") or ())
        return float(arguments.get("--exit-timeout-secs", 30))
    variables = environment_of(container, settings)
    prefix = f"AISLE_{container['name'].upper()}_"
    return sum(float(variables.get(prefix + name, default)) for name, default in _DEFAULTS.items())


def environment_of(container: Object, settings: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """Return a container's variables whose values are known, those of its ConfigMaps included."""
    variables: dict[str, Any] = {}
    for source in container.get("envFrom") or ():
        variables |= settings.get((source.get("configMapRef") or {}).get("name", ""), {})
    for each in container.get("env") or ():
        if "value" in each:
            variables[each["name"]] = each["value"]
    return variables
