"""The rules: nothing is found in what we ship, and each defect is found when it is put there."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from services.common import health
from services.common.lifecycle import ServerSettings
from services.gateway.config import GatewaySettings
from services.kubernetes.checking import findings, policy_findings
from services.kubernetes.rules import availability, probes
from tests.support.overlays import K8S, OVERLAYS, Objects, needs_kubectl, objects_of, one, workload

pytestmark = needs_kubectl

DNS_SECONDS = 30
"""How long most clusters' caches of DNS keep an address."""

Spoil = Callable[[Objects], Any]


def pod(objects: Objects, name: str = "gateway") -> dict[str, Any]:
    """Return a workload's pod."""
    return workload(objects, name).pod


def container(objects: Objects, name: str = "gateway") -> dict[str, Any]:
    """Return a workload's container."""
    return dict(pod(objects, name))["containers"][0]  # type: ignore[no-any-return]


def settings(objects: Objects, name: str = "gateway-settings") -> dict[str, Any]:
    """Return the data of a ConfigMap."""
    return one(objects, "ConfigMap", name)["data"]  # type: ignore[no-any-return]


def policy(objects: Objects, name: str) -> dict[str, Any]:
    """Return what a NetworkPolicy says."""
    return one(objects, "NetworkPolicy", name)["spec"]  # type: ignore[no-any-return]


def scaler(objects: Objects, name: str = "gateway") -> dict[str, Any]:
    """Return what an autoscaler says."""
    return one(objects, "HorizontalPodAutoscaler", name)["spec"]  # type: ignore[no-any-return]


def rollout(objects: Objects, name: str = "gateway") -> dict[str, Any]:
    """Return how a Deployment is rolled."""
    return workload(objects, name).source["spec"]["strategy"]["rollingUpdate"]  # type: ignore[no-any-return]


def monitor(objects: Objects) -> dict[str, Any]:
    """Return what is scraped."""
    return one(objects, "PodMonitor", "aisle")["spec"]  # type: ignore[no-any-return]


def without(objects: Objects, kind: str, name: str) -> None:
    """Take an object away."""
    objects.remove(one(objects, kind, name))


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_nothing_is_found_in_our_overlays(overlay: str) -> None:
    """Schemas, references, settings, security, resources, probes, availability, network."""
    assert findings(objects_of(overlay)) == []


def test_object_storage_may_be_in_the_cluster() -> None:
    """The policy names its pods then, and its port by number or name."""
    for port in (9000, "minio"):
        objects = objects_of("production")
        inside = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "minio"}}}
        pods = {"podSelector": {"matchExpressions": [{"key": "app", "operator": "In", "values": ["minio"]}]}}
        policy(objects, "object-storage")["egress"] = [{"to": [inside | pods], "ports": [{"port": port}]}]
        assert findings(objects) == []


@pytest.mark.parametrize(("place", "is_led_to"), [("", True), (".aisle.svc", True), (".monitoring", False)])
def test_a_collector_may_be_beside_us(place: str, *, is_led_to: bool) -> None:
    """Its URL names our namespace or none then, and the policy that leads to it needs none."""
    objects = objects_of("production")
    for name in ("gateway", "searcher"):
        settings(objects, f"{name}-settings")[f"AISLE_{name.upper()}_TRACE_ENDPOINT"] = f"http://collector{place}:4317"
    pods = {"podSelector": {"matchLabels": {"app.kubernetes.io/name": "collector"}}}
    policy(objects, "tracing")["egress"] = [{"to": [pods], "ports": [{"port": 4317}]}]
    assert (policy_findings(objects) == []) == is_led_to


def test_object_storage_may_be_beside_us() -> None:
    """The policies about its pods are its own."""
    objects = objects_of("production")
    pods = {"podSelector": {"matchLabels": {"app": "minio"}}}
    policy(objects, "object-storage")["egress"] = [{"to": [pods], "ports": [{"port": 9000}]}]
    assert findings(objects) == []


SPOILT: dict[str, tuple[str, Spoil]] = {
    "root": ("security", lambda o: pod(o)["securityContext"].pop("runAsNonRoot")),
    "seccomp": ("security", lambda o: pod(o)["securityContext"].pop("seccompProfile")),
    "host network": ("security", lambda o: pod(o).update(hostNetwork=True)),
    "host path": ("security", lambda o: pod(o)["volumes"].append({"name": "h", "hostPath": {"path": "/"}})),
    "token of the API": ("security", lambda o: pod(o).pop("automountServiceAccountToken")),
    "service links": ("security", lambda o: pod(o).pop("enableServiceLinks")),
    "writable root": ("security", lambda o: container(o)["securityContext"].pop("readOnlyRootFilesystem")),
    "capabilities": ("security", lambda o: container(o)["securityContext"].pop("capabilities")),
    "init container": ("security", lambda o: pod(o, "triton")["initContainers"][0].pop("securityContext")),
    "image without tag": ("images", lambda o: container(o).update(image="aisle/gateway")),
    "one image by its digest": ("images", lambda o: container(o).update(image=f"registry/gateway@sha256:{'0' * 64}")),
    "searchers of two releases": (
        "images",
        lambda o: container(o, "searcher-bag").update(image="registry.example.com/aisle/searcher:0.2.0"),
    ),
    "namespace": ("security", lambda o: one(o, "Namespace", "aisle")["metadata"].pop("labels")),
    "secret in the environment": (
        "security",
        lambda o: container(o)["envFrom"].append({"secretRef": {"name": "storage-credentials"}}),
    ),
    "request below limit": ("resources", lambda o: container(o)["resources"]["requests"].update(cpu="1")),
    "half a core": (
        "resources",
        lambda o: [container(o)["resources"][kind].update(cpu="3500m") for kind in ("requests", "limits")],
    ),
    "no limit of memory": (
        "resources",
        lambda o: [container(o)["resources"][k].pop("memory") for k in ("requests", "limits")],
    ),
    "less memory than the shard needs": (
        "resources",
        lambda o: [
            container(o, "searcher-bag")["resources"][kind].update(memory="128Mi") for kind in ("requests", "limits")
        ],
    ),
    "threads of their own": ("resources", lambda o: container(o)["env"].pop(2)),
    "endless scratch": ("resources", lambda o: pod(o)["volumes"][-1].update(emptyDir={})),
    "no startup probe": ("probes", lambda o: container(o).pop("startupProbe")),
    "liveness that needs a snapshot": ("probes", lambda o: container(o)["livenessProbe"]["grpc"].pop("service")),
    "readiness that needs none": (
        "probes",
        lambda o: container(o)["readinessProbe"]["grpc"].update(service="liveness"),
    ),
    "probe of another port": ("probes", lambda o: container(o)["readinessProbe"]["grpc"].update(port=1)),
    "impatient liveness": (
        "probes",
        lambda o: container(o)["livenessProbe"].update(failureThreshold=1, periodSeconds=1),
    ),
    "killed at work": ("probes", lambda o: pod(o).update(terminationGracePeriodSeconds=40)),
    "longer drain": ("probes", lambda o: settings(o).update(AISLE_GATEWAY_DRAIN_SECONDS="60")),
    "no preStop": ("availability", lambda o: container(o, "searcher-bag").pop("lifecycle")),
    "end before anybody has heard of the next": (
        "availability",
        lambda o: container(o)["lifecycle"]["preStop"]["sleep"].update(seconds=30),
    ),
    "scratch that holds its node": (
        "availability",
        lambda o: pod(o, "searcher-bag")["volumes"].append({"name": "more", "emptyDir": {"sizeLimit": "1Mi"}}),
    ),
    "many that end at a time": ("availability", lambda o: workload(o, "triton").source["spec"].pop("minReadySeconds")),
    "rollout that takes first": (
        "availability",
        lambda o: rollout(o).update(maxUnavailable=1),
    ),
    "no budget": ("availability", lambda o: without(o, "PodDisruptionBudget", "searcher-bag")),
    "budget of the last": (
        "availability",
        lambda o: one(o, "PodDisruptionBudget", "searcher-bag")["spec"].update(maxUnavailable=3),
    ),
    "budget of nobody": (
        "availability",
        lambda o: one(o, "PodDisruptionBudget", "searcher-bag")["spec"].update(maxUnavailable=0),
    ),
    "all on one node": ("availability", lambda o: pod(o).pop("topologySpreadConstraints")),
    "spread as it comes": (
        "availability",
        lambda o: [each.update(whenUnsatisfiable="ScheduleAnyway") for each in pod(o)["topologySpreadConstraints"]],
    ),
    "rollout that waits for a GPU": (
        "availability",
        lambda o: rollout(o, "triton").update(maxSurge=1, maxUnavailable=0),
    ),
    "rollout that takes GPUs": ("availability", lambda o: rollout(o, "triton").update(maxUnavailable=2)),
    "rollout that takes the only GPU": ("availability", lambda o: scaler(o, "triton").update(minReplicas=1)),
    "GPUs strictly spread": (
        "availability",
        lambda o: pod(o, "triton")["topologySpreadConstraints"][0].update(whenUnsatisfiable="DoNotSchedule"),
    ),
    "GPUs that keep Tritons off": ("availability", lambda o: pod(o, "triton").pop("tolerations")),
    "no anti-affinity": ("availability", lambda o: pod(o).pop("affinity")),
    "no autoscaler": ("availability", lambda o: without(o, "HorizontalPodAutoscaler", "triton")),
    "nervous autoscaler": (
        "availability",
        lambda o: scaler(o)["behavior"]["scaleDown"].update(stabilizationWindowSeconds=0),
    ),
    "two who scale": ("availability", lambda o: workload(o, "gateway").source["spec"].update(replicas=2)),
    "no priority": ("availability", lambda o: pod(o).pop("priorityClassName")),
    "unknown setting": ("settings", lambda o: settings(o).update(AISLE_GATEWAY_DRAIN="1")),
    "argument without value": ("settings", lambda o: container(o, "searcher-bag")["args"].append("--shards")),
    "impossible setting": ("settings", lambda o: settings(o).update(AISLE_GATEWAY_MAX_IN_FLIGHT="many")),
    "service of nobody": (
        "references",
        lambda o: one(o, "Service", "searcher-bag")["spec"]["selector"].update({"app.kubernetes.io/instance": "bag"}),
    ),
    "port of nobody": (
        "references",
        lambda o: one(o, "Service", "triton")["spec"]["ports"][0].update(targetPort="http"),
    ),
    "Triton elsewhere": ("references", lambda o: settings(o).update(AISLE_GATEWAY_TRITON="tritons:8001")),
    "no settings": ("references", lambda o: without(o, "ConfigMap", "searcher-settings")),
    "no root of snapshots": ("references", lambda o: settings(o, "snapshots").pop("root")),
    "no account": ("references", lambda o: without(o, "ServiceAccount", "searcher")),
    "no volume": ("references", lambda o: without(o, "PersistentVolumeClaim", "catalogue")),
    "no priority class": ("references", lambda o: without(o, "PriorityClass", "aisle-jobs")),
    "scaler of nobody": ("references", lambda o: scaler(o)["scaleTargetRef"].update(name="gateways")),
    "searcher beyond the map": (
        "references",
        lambda o: settings(o, "shard-map").update({"shards.json": '{"shards": {}}'}),
    ),
    "map of other searchers": (
        "references",
        lambda o: settings(o, "shard-map").update(
            {"shards.json": settings(o, "shard-map")["shards.json"].replace("searcher-bag:", "searcher-coat:")}
        ),
    ),
    "map that is none": ("references", lambda o: settings(o, "shard-map").update({"shards.json": "{"})),
    "certificate of nobody": ("references", lambda o: without(o, "Issuer", "authority")),
    "authority without certificate": ("references", lambda o: without(o, "Certificate", "authority")),
    "no certificate": ("references", lambda o: without(o, "Certificate", "searcher")),
    "certificate of another name": (
        "references",
        lambda o: settings(o).update(AISLE_GATEWAY_TRITON_TLS_SERVER_NAME="tritons"),
    ),
    "monitor of nobody": ("monitoring", lambda o: monitor(o).update(selector={"matchLabels": {"app": "aisle"}})),
    "monitor of another port": ("monitoring", lambda o: monitor(o)["podMetricsEndpoints"][0].update(port="http")),
    "job of no label": ("monitoring", lambda o: monitor(o).update(jobLabel="app")),
    "scraped twice": (
        "monitoring",
        lambda o: o.append(one(o, "PodMonitor", "aisle") | {"metadata": {"name": "again", "namespace": "aisle"}}),
    ),
    "alert of nothing": ("monitoring", lambda o: without(o, "PrometheusRule", "aisle-recording")),
    "twice": ("references", lambda o: o.append(o[-1])),
    "open both ways": ("network", lambda o: without(o, "NetworkPolicy", "default-deny")),
    "no DNS": ("network", lambda o: without(o, "NetworkPolicy", "dns")),
    "no storage": ("network", lambda o: without(o, "NetworkPolicy", "object-storage")),
    "searchers cut off": ("network", lambda o: policy(o, "gateway")["egress"].pop()),
    "no metrics": ("network", lambda o: without(o, "NetworkPolicy", "metrics")),
    "everybody may search": ("network", lambda o: policy(o, "gateway")["ingress"].append({})),
    "everybody beside us may search": (
        "network",
        lambda o: policy(o, "gateway")["ingress"].append({"from": [{"podSelector": {}}]}),
    ),
    "everybody in our namespace may search": (
        "network",
        lambda o: policy(o, "searcher")["ingress"].append(
            {"from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "aisle"}}}]}
        ),
    ),
    "every port for Prometheus": ("network", lambda o: policy(o, "metrics")["ingress"][0].pop("ports")),
    "no way for traces": ("network", lambda o: without(o, "NetworkPolicy", "tracing")),
    "a way for no traces": ("network", lambda o: settings(o).pop("AISLE_GATEWAY_TRACE_ENDPOINT")),
    "traces elsewhere": (
        "network",
        lambda o: settings(o).update(AISLE_GATEWAY_TRACE_ENDPOINT="http://jaeger.monitoring.svc:4317"),
    ),
    "storage that nothing is left of": (
        "network",
        lambda o: policy(o, "object-storage")["egress"][0]["to"][0]["ipBlock"].update({"except": ["0.0.0.0/0"]}),
    ),
    "the cloud's metadata": (
        "network",
        lambda o: policy(o, "object-storage")["egress"][0]["to"][0]["ipBlock"].update({"except": []}),
    ),
}


@pytest.mark.parametrize("name", SPOILT)
def test_each_defect_is_found(name: str) -> None:
    """By the rule that is about it; the message is for whoever has to mend it."""
    rule, spoil = SPOILT[name]
    objects = objects_of("production")
    spoil(objects)
    assert rule in {found.rule for found in policy_findings(objects)}


def test_the_end_of_a_pod_is_that_of_the_code() -> None:
    """Rules know the defaults of drain and grace, and the name of the health service, as the code has them."""
    fields = ServerSettings.model_fields
    bare = {"name": "searcher"}
    assert probes.seconds_to_end(bare, {}) == fields["drain_seconds"].default + fields["grace_seconds"].default
    assert probes.LIVENESS == health.LIVENESS


def test_who_ends_waits_for_as_long_as_gateways_may_not_have_heard() -> None:
    """For DNS's caches, and then until gateways look again."""
    assert DNS_SECONDS + GatewaySettings.model_fields["lookup_seconds"].default < availability.HEARD_SECONDS


@pytest.mark.parametrize(("name", "service"), [("gateway", "gateway"), ("searcher-bag", "searcher")])
def test_a_pod_has_the_time_that_its_process_takes(name: str, service: str) -> None:
    """preStop, drain and grace, read from manifest and settings, are less than the grace of the pod."""
    objects = objects_of("production")
    told = settings(objects, f"{service}-settings")
    prefix = f"AISLE_{service.upper()}_"
    pause = container(objects, name)["lifecycle"]["preStop"]["sleep"]["seconds"]
    process = float(told[prefix + "DRAIN_SECONDS"]) + float(told[prefix + "GRACE_SECONDS"])
    assert pause + process < pod(objects, name)["terminationGracePeriodSeconds"]


@pytest.mark.parametrize("overlay", ["production", "loadtest"])
def test_triton_has_a_core_for_each_thread_of_its_models(overlay: str) -> None:
    """Instances and their threads as the committed repository has them; the local overlay is for looking at."""
    threads = 0
    for config in (K8S.parent / "model_repository").glob("*/config.pbtxt"):
        text = config.read_text()
        instances = re.findall(r"^\s+count: (\d+)$", text, re.MULTILINE)
        per_instance = re.findall(r'"intra_op_thread_count"\s+value \{ string_value: "(\d+)" \}', text)
        threads += sum(map(int, instances)) * sum(map(int, per_instance))
    assert 0 < threads <= int(container(objects_of(overlay), "triton")["resources"]["limits"]["cpu"])
