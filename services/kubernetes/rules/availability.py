"""Nothing takes the last replica: budgets, rollouts, spreading, autoscaling. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from services.kubernetes.findings import Finding, Object, where
from services.kubernetes.workloads import Workload, of_kind, selects, workloads

_RULE: Final = "availability"
_HOST: Final = "kubernetes.io/hostname"


def findings(objects: Sequence[Object]) -> Iterator[Finding]:
    """Yield what an eviction, a rollout, a lost node or a quiet hour could take away."""
    budgets, scalers = of_kind(objects, "PodDisruptionBudget"), of_kind(objects, "HorizontalPodAutoscaler")
    servers = [workload for workload in workloads(objects) if workload.serves]
    for workload in servers:
        scaler = next((each for each in scalers if _scales(each, workload)), None)
        least = _least(workload, scaler)
        messages = (*_of_rollout(workload), *_of_spread(workload), *_of_budget(workload, budgets, least))
        for message in messages:
            yield Finding(workload.where, _RULE, message)
        if scaler is None:
            yield Finding(workload.where, _RULE, "no HorizontalPodAutoscaler")
        elif workload.source["spec"].get("replicas") is not None:
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


def _of_rollout(workload: Workload) -> Iterator[str]:
    strategy = workload.source["spec"].get("strategy") or {}
    rolling = strategy.get("rollingUpdate") or {}
    if strategy.get("type", "RollingUpdate") != "RollingUpdate" or rolling.get("maxUnavailable") not in {0, "0%"}:
        yield "a rollout may take replicas before their successors are ready: let maxUnavailable be 0"


def _of_spread(workload: Workload) -> Iterator[str]:
    constraints = workload.pod.get("topologySpreadConstraints") or ()
    if not any(
        each["topologyKey"] == _HOST
        and each.get("whenUnsatisfiable") == "DoNotSchedule"
        and selects(each.get("labelSelector"), workload.labels)
        for each in constraints
    ):
        yield f"no topologySpreadConstraint over {_HOST} that is about its own pods: one node may have all of them"
    for each in constraints:
        if not selects(each.get("labelSelector"), workload.labels):
            yield f"the topologySpreadConstraint over {each['topologyKey']} is not about its own pods"
    terms = ((workload.pod.get("affinity") or {}).get("podAntiAffinity") or {}).values()
    if not any(_keeps_apart(term, workload.labels) for kind in terms for term in kind):
        yield "no podAntiAffinity that keeps its own pods apart"


def _keeps_apart(term: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    inner = term.get("podAffinityTerm") or term
    return inner.get("topologyKey") == _HOST and selects(inner.get("labelSelector"), labels)


def _of_budget(workload: Workload, budgets: Sequence[Object], least: int) -> Iterator[str]:
    own = [each for each in budgets if selects(each["spec"].get("selector") or {}, workload.labels)]
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
    if spec.get("unhealthyPodEvictionPolicy") != "AlwaysAllow":
        yield f"{where(own[0])}: pods that never become ready keep a node from being drained: AlwaysAllow"


def _of_scaler(scaler: Object) -> Iterator[str]:
    spec = scaler["spec"]
    behaviour = spec.get("behavior") or {}
    down, up = behaviour.get("scaleDown") or {}, behaviour.get("scaleUp") or {}
    if int(down.get("stabilizationWindowSeconds", 0)) < int(up.get("stabilizationWindowSeconds", 0)) + 60:
        yield "it comes down almost as fast as it goes up: stabilizationWindowSeconds of scaleDown"
    if not down.get("policies") or any(policy["type"] == "Percent" for policy in down["policies"]):
        yield "scaleDown has no policy of a number of pods"
    if not up.get("policies"):
        yield "scaleUp has no policy"
    if not any(metric["type"] == "Resource" for metric in spec.get("metrics") or ()):
        yield "no resource among its metrics: without an adapter of metrics it would do nothing"
    if int(spec.get("minReplicas", 1)) > int(spec["maxReplicas"]):
        yield "minReplicas is above maxReplicas"
