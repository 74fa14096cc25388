"""Pod Security "restricted", and what goes beyond it: read-only roots, no tokens, secrets as files. Pure."""

from collections.abc import Iterator, Sequence
from typing import Final

from services.kubernetes.findings import Finding, Object, where
from services.kubernetes.workloads import Workload, of_kind, workloads

_RULE: Final = "security"
_MODES: Final = ("enforce", "audit", "warn")
_MUST_BE_OFF: Final = ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace")
_ON_BY_DEFAULT: Final = ("automountServiceAccountToken", "enableServiceLinks")
_VOLUMES: Final = frozenset(
    ["configMap", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim", "projected", "secret"]
)
"""What the standard allows, but for `csi`, which we have no use for."""


def findings(objects: Sequence[Object]) -> Iterator[Finding]:
    """Yield what is less strict than it has to be."""
    for namespace in of_kind(objects, "Namespace"):
        labels = namespace["metadata"].get("labels", {})
        for mode in _MODES:
            if labels.get(f"pod-security.kubernetes.io/{mode}") != "restricted":
                yield Finding(where(namespace), _RULE, f"pod-security.kubernetes.io/{mode} is not restricted")
    for account in of_kind(objects, "ServiceAccount"):
        if account.get("automountServiceAccountToken") is not False:
            yield Finding(where(account), _RULE, "automountServiceAccountToken is not false")
    for workload in workloads(objects):
        for message in (*_of_pod(workload), *_of_containers(workload)):
            yield Finding(workload.where, _RULE, message)


def _of_pod(workload: Workload) -> Iterator[str]:
    pod = workload.pod
    security = pod.get("securityContext", {})
    if security.get("runAsNonRoot") is not True:
        yield "pods may run as root: runAsNonRoot is not true"
    if not security.get("runAsUser"):
        yield "runAsUser is not said, or is root's"
    if security.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        yield "seccompProfile is not RuntimeDefault"
    yield from (f"{name} is on" for name in _MUST_BE_OFF if pod.get(name))
    yield from (f"{name} is not false" for name in _ON_BY_DEFAULT if pod.get(name) is not False)
    if pod.get("serviceAccountName") in {None, "", "default"}:
        yield "it has no service account of its own"
    for volume in pod.get("volumes", ()):
        kinds = volume.keys() - {"name"}
        if not kinds <= _VOLUMES:
            yield f"volume {volume['name']} is of a kind that is not allowed: {', '.join(sorted(kinds - _VOLUMES))}"


def _of_containers(workload: Workload) -> Iterator[str]:
    for container in workload.all_containers:
        name, security = container["name"], container.get("securityContext", {})
        if security.get("allowPrivilegeEscalation") is not False:
            yield f"container {name}: allowPrivilegeEscalation is not false"
        if security.get("readOnlyRootFilesystem") is not True:
            yield f"container {name}: readOnlyRootFilesystem is not true"
        capabilities = security.get("capabilities", {})
        if capabilities.get("drop") != ["ALL"] or capabilities.get("add"):
            yield f"container {name}: its capabilities are not all dropped"
        if security.get("privileged") or security.get("runAsUser") == 0 or security.get("runAsNonRoot") is False:
            yield f"container {name}: it runs with root's rights"
        if any(port.get("hostPort") for port in container.get("ports", ())):
            yield f"container {name}: a port of the node is taken"
        if any("secretRef" in source for source in container.get("envFrom", ())) or any(
            "secretKeyRef" in variable.get("valueFrom", {}) for variable in container.get("env", ())
        ):
            yield f"container {name}: a secret is in its environment, which children and crash reports see: mount it"
