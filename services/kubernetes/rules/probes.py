"""Probes with the right meanings, and ends that leave time to finish. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from services.kubernetes.environment import ConfigMaps, config_maps, environment_of
from services.kubernetes.findings import Finding, Object
from services.kubernetes.workloads import Workload, pause_seconds, workloads

_RULE: Final = "probes"
_KINDS: Final = ("startupProbe", "readinessProbe", "livenessProbe")
LIVENESS: Final = "liveness"
"""As `services.common.health` calls it; this module stays free of gRPC, and a test holds the two together."""
_OURS: Final = ("gateway", "searcher")
_END_SECONDS: Final = 5
"""For what comes after the grace: closing channels, unmapping files, the kernel."""
_DEFAULTS: Final = {"DRAIN_SECONDS": 0.2, "GRACE_SECONDS": 10.0}
"""As `services.common.lifecycle` has them; a test holds the two together."""
_TRITON_SECONDS: Final = 30.0


def findings(objects: Sequence[Object]) -> Iterator[Finding]:
    """Yield probes that are missing or mean the wrong thing, and pods that would be killed at work."""
    maps = config_maps(objects)
    for workload in workloads(objects):
        if workload.serves:
            for message in (*_of_probes(workload), *_of_end(workload, maps)):
                yield Finding(workload.where, _RULE, message)


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
    return container["name"] == "triton" and "--grpc-use-ssl=true" in container.get("args", ())


def _asked(probe: Mapping[str, Any]) -> int | str:
    ports: Iterator[int | str] = (probe[kind]["port"] for kind in ("grpc", "httpGet", "tcpSocket") if kind in probe)
    return next(ports, 0)


def _service(container: Object, kind: str) -> str:
    return str(container.get(kind, {}).get("grpc", {}).get("service", ""))


def _patience(container: Object, kind: str) -> int:
    probe = container.get(kind, {})
    return int(probe.get("periodSeconds", 10)) * int(probe.get("failureThreshold", 3))


def _of_end(workload: Workload, maps: ConfigMaps) -> Iterator[str]:
    given = int(workload.pod.get("terminationGracePeriodSeconds", 30))
    for container in workload.containers:
        needed = pause_seconds(container) + seconds_to_end(container, maps) + _END_SECONDS
        if given < needed:
            yield (
                f"container {container['name']}: terminationGracePeriodSeconds is {given}, but preStop, drain and "
                f"grace take {needed:g} s"
            )


def seconds_to_end(container: Object, maps: ConfigMaps) -> float:
    """Return how long a container may take to end once it was told to; what is no number counts as the default.

    Args:
        container: of a gateway, a searcher or a Triton.
        maps: the data of each ConfigMap, by name.
    """
    if container["name"] not in _OURS:
        arguments = dict(argument.partition("=")[::2] for argument in container.get("args", ()))
        return _seconds(arguments.get("--exit-timeout-secs"), _TRITON_SECONDS)
    variables = environment_of(container, maps)
    prefix = f"AISLE_{container['name'].upper()}_"
    return sum(_seconds(variables.get(prefix + name), default) for name, default in _DEFAULTS.items())


def _seconds(told: str | None, default: float) -> float:
    try:
        return default if told is None else float(told)
    except ValueError:
        return default  # the rule about settings says so
