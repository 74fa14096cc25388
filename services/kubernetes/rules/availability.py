"""Nothing takes the last replica that callers know: budgets, rollouts, spreading, autoscaling. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from services.kubernetes.findings import Finding, Object, where
from services.kubernetes.workloads import Workload, of_kind, pause_seconds, selects, workloads

_RULE: Final = "availability"
_HOST: Final = "kubernetes.io/hostname"
_ZONE: Final = "topology.kubernetes.io/zone"
_MAY_GO: Final = "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes"
_NONE: Final = frozenset([0, "0%"])
_FEWEST: Final = 2
"""Replicas of which one may be away."""
HEARD_SECONDS: Final = 36
"""How late those who go by a name may hear of a new replica: caches of DNS keep an answer for 30 s, gateways look each
5 s, and it takes a moment. A test holds it together with the gateway's settings."""


def findings(objects: Sequence[Object]) -> Iterator[Finding]:
    """Yield what an eviction, a rollout, a lost node or a quiet hour could take away."""
    budgets, scalers = of_kind(objects, "PodDisruptionBudget"), of_kind(objects, "HorizontalPodAutoscaler")
    servers = [workload for workload in workloads(objects) if workload.serves]
    for workload in servers:
        scaler = next((each for each in scalers if _scales(each, workload)), None)
        least = _least(workload, scaler)
        for message in (
            *_of_rollout(workload, least),
            *_of_handover(workload),
            *_of_spread(workload),
            *_of_devices(workload),
            *_of_budget(workload, budgets, least),
            *_of_scratch(workload),
        ):
            yield Finding(workload.where, _RULE, message)
        if scaler is None:
            yield Finding(workload.where, _RULE, "no HorizontalPodAutoscaler")
        elif "replicas" in workload.source["spec"]:
            yield Finding(workload.where, _RULE, "replicas are said here, too: each apply would undo the autoscaler's")
    for scaler in scalers:
        for message in _of_scaler(scaler):
            yield Finding(where(scaler), _RULE, message)
    for workload in workloads(objects):
        if not workload.pod.get("priorityClassName"):
            yield Finding(workload.where, _RULE, "no priorityClassName")


def _scales(scaler: Object, workload: Workload) -> bool:
    target = scaler["spec"]["scaleTargetRef"]
    return (target.get("kind"), target.get("name")) == (workload.source["kind"], workload.source["metadata"]["name"])


def _least(workload: Workload, scaler: Object | None) -> int:
    source = workload.source["spec"].get("replicas", 1) if scaler is None else scaler["spec"].get("minReplicas", 1)
    return int(source)


def _of_rollout(workload: Workload, least: int) -> Iterator[str]:
    strategy = workload.source["spec"].get("strategy", {})
    rolling = strategy.get("rollingUpdate", {})
    away, more = rolling.get("maxUnavailable", "25%"), rolling.get("maxSurge", "25%")
    if strategy.get("type", "RollingUpdate") != "RollingUpdate":
        yield "a rollout takes all replicas before one of their successors is ready: RollingUpdate"
    elif not workload.devices:
        if away not in _NONE:
            yield "a rollout may take replicas before their successors are ready: let maxUnavailable be 0"
    elif away != 1 or more not in _NONE:
        yield (
            f"each replica takes {', '.join(workload.devices)}, and there may be one for each: a rollout that starts "
            "the successor first would wait for ever; let maxSurge be 0 and maxUnavailable 1"
        )
    elif least < _FEWEST:
        yield f"a rollout takes the only replica, for it may be the only {', '.join(workload.devices)}: have two"


def _of_handover(workload: Workload) -> Iterator[str]:
    """Yield what ends before callers know who takes its place: readiness, by which budgets go, says nothing of that."""
    late = f"callers may hear of its successor {HEARD_SECONDS} s late"
    for container in workload.containers:
        pause = pause_seconds(container)
        if pause < HEARD_SECONDS:
            yield (
                f"container {container['name']}: preStop sleeps {pause} s, and {late}: with every replica evicted in "
                "turn they would know none that is left; let it sleep longer"
            )
    ready = workload.source["spec"].get("minReadySeconds", 0)
    if ready < HEARD_SECONDS:
        yield f"minReadySeconds is {ready}, and {late}: a rollout would have many end at a time; wait longer"


def _of_spread(workload: Workload) -> Iterator[str]:
    constraints = workload.pod.get("topologySpreadConstraints", ())
    own = [each for each in constraints if selects(each.get("labelSelector"), workload.labels)]
    for each in constraints:
        if each not in own:
            yield f"the topologySpreadConstraint over {each['topologyKey']} is not about its own pods"
    if not any(each["topologyKey"] == _HOST for each in own):
        yield f"no topologySpreadConstraint over {_HOST} that is about its own pods: one node may have all of them"
    hard = {each["topologyKey"] for each in own if each["whenUnsatisfiable"] == "DoNotSchedule"}
    if workload.devices:
        for key in sorted(hard):
            yield (
                f"the topologySpreadConstraint over {key} is DoNotSchedule: the one {', '.join(workload.devices)} that "
                "is free may be where it lets no replica go; ScheduleAnyway"
            )
    elif not hard & {_HOST, _ZONE}:
        yield f"no topologySpreadConstraint with DoNotSchedule, over {_HOST} or {_ZONE}: one node may have all of them"
    terms = workload.pod.get("affinity", {}).get("podAntiAffinity", {}).values()
    if not any(_keeps_apart(term, workload.labels) for kind in terms for term in kind):
        yield "no podAntiAffinity that keeps its own pods apart"


def _of_devices(workload: Workload) -> Iterator[str]:
    tolerations = workload.pod.get("tolerations", ())
    for device in workload.devices:
        if not any(each.get("key", device) == device and each.get("operator") == "Exists" for each in tolerations):
            yield f"it takes {device}, but not the taint of that name, which keeps others off such nodes: tolerate it"


def _keeps_apart(term: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    inner = term.get("podAffinityTerm") or term
    return inner.get("topologyKey") == _HOST and selects(inner.get("labelSelector"), labels)


def _of_budget(workload: Workload, budgets: Sequence[Object], least: int) -> Iterator[str]:
    own = [each for each in budgets if selects(each["spec"].get("selector"), workload.labels)]
    if len(own) != 1:
        yield f"{len(own)} PodDisruptionBudgets are about its pods; an eviction needs exactly one"
        return
    spec = own[0]["spec"]
    away, kept = spec.get("maxUnavailable"), spec.get("minAvailable")
    if not isinstance(away, int) or kept is not None or away >= least:
        yield (
            f"{where(own[0])} lets evictions take {away if kept is None else f'all but {kept}'} of {least}: let "
            f"maxUnavailable be {'1' if least > 1 else '0, for there is one only'}"
        )
    elif least >= _FEWEST and not away:
        yield f"{where(own[0])} lets evictions take none of {least}: their nodes can't be drained: maxUnavailable 1"
    if spec.get("unhealthyPodEvictionPolicy") != "AlwaysAllow":
        yield f"{where(own[0])}: pods that never become ready keep a node from being drained: AlwaysAllow"


def _of_scratch(workload: Workload) -> Iterator[str]:
    told = workload.annotations.get(_MAY_GO, "").split(",")
    kept = [each["name"] for each in workload.pod.get("volumes", ()) if "emptyDir" in each and each["name"] not in told]
    if kept:
        yield (
            f"its emptyDir {', '.join(kept)} keeps the autoscaler of nodes from taking an idle node away: name all of "
            f"them in the annotation {_MAY_GO}"
        )


def _of_scaler(scaler: Object) -> Iterator[str]:
    spec = scaler["spec"]
    behaviour = spec.get("behavior", {})
    down, up = behaviour.get("scaleDown", {}), behaviour.get("scaleUp", {})
    if int(down.get("stabilizationWindowSeconds", 0)) < int(up.get("stabilizationWindowSeconds", 0)) + 60:
        yield "it comes down almost as fast as it goes up: stabilizationWindowSeconds of scaleDown"
    if not down.get("policies") or any(policy["type"] == "Percent" for policy in down["policies"]):
        yield "scaleDown has no policy of a number of pods"
    if not up.get("policies"):
        yield "scaleUp has no policy"
    if not any(metric["type"] == "Resource" for metric in spec.get("metrics", ())):
        yield "no resource among its metrics: without an adapter of metrics it would do nothing"
    if int(spec.get("minReplicas", 1)) > int(spec["maxReplicas"]):
        yield "minReplicas is above maxReplicas"
