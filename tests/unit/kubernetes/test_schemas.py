"""What an API server would refuse: fields that no schema knows, and what schemas leave open."""

from collections.abc import Callable
from typing import Any

import pytest

from services.kubernetes.checking import findings, schema_findings
from tests.support.overlays import needs_kubectl, objects_of, one, workload

pytestmark = needs_kubectl


def test_a_schema_knows_every_field() -> None:
    """A misspelt field is refused, which an API server would drop in silence."""
    objects = objects_of("local")
    workload(objects, "gateway").pod["terminationGracePeriod"] = 30
    (found,) = schema_findings(objects)
    assert (found.where, "terminationGracePeriod" in found.message) == ("Deployment/gateway", True)


@pytest.mark.parametrize(
    ("kind", "name", "spoil", "message"),
    [
        (
            "PodMonitor",
            "aisle",
            lambda spec: spec.update(sampelLimit=1),
            "spec.sampelLimit: there is no such field; did you mean sampleLimit?",
        ),
        ("PodMonitor", "aisle", lambda spec: spec["podMetricsEndpoints"][0].update(interval="15"), "interval: String"),
        (
            "PrometheusRule",
            "aisle-alerts",
            lambda spec: spec["groups"][0]["rules"][0].pop("alert"),
            "alert or a record",
        ),
        ("Certificate", "gateway", lambda spec: spec.pop("issuerRef"), "spec.issuerRef: it is missing"),
        ("Certificate", "gateway", lambda spec: spec.update(duration="90d"), "spec.duration: String"),
        (
            "PodMonitor",
            "aisle",
            lambda spec: spec["podMetricsEndpoints"][0].update(interval="30s1m"),
            "interval: String",
        ),
        ("NetworkPolicy", "object-storage", lambda spec: spec["egress"][0].update(to=[None]), "spec.egress.0.to: an"),
        (
            "NetworkPolicy",
            "object-storage",
            lambda spec: spec["egress"][0]["to"][0]["ipBlock"].update(cidr="10.0.0.0/40"),
            "'10.0.0.0/40' is no range of addresses",
        ),
        (
            "Deployment",
            "gateway",
            lambda spec: spec["template"]["spec"]["containers"][0]["resources"]["limits"].update(memory="1GB"),
            "spec.template.spec.containers.0.resources.limits.memory: '1GB' is no quantity",
        ),
        (
            "Deployment",
            "gateway",
            lambda spec: spec["template"]["spec"]["volumes"][-1].update(emptyDir={"sizeLimit": "32Mb"}),
            "emptyDir.sizeLimit: '32Mb' is no quantity",
        ),
        (
            "PersistentVolumeClaim",
            "catalogue",
            lambda spec: spec["resources"]["requests"].update(storage="1GB"),
            "spec.resources.requests.storage: '1GB' is no quantity",
        ),
        (
            "HorizontalPodAutoscaler",
            "gateway",
            lambda spec: spec["metrics"].append(
                {"type": "External", "external": {"metric": {"name": "x"}, "target": {"type": "Value", "value": "1k0"}}}
            ),
            ".external.target.value: '1k0' is no quantity",
        ),
        (
            "HorizontalPodAutoscaler",
            "searcher-bag",
            lambda spec: next(each["pods"] for each in spec["metrics"] if "pods" in each)["target"].update(
                averageValue="half"
            ),
            ".pods.target.averageValue: 'half' is no quantity",
        ),
    ],
)
def test_what_an_api_server_would_refuse_is_found(
    kind: str, name: str, spoil: Callable[[dict[str, Any]], Any], message: str
) -> None:
    """Operators' objects, too, and what Kubernetes' schemas leave open."""
    each = one(objects_of("production"), kind, name)
    spoil(each["spec"])
    assert [message in found.message for found in findings([each])] == [True]


def test_a_null_is_as_nothing() -> None:
    """As it is to an API server."""
    objects = objects_of("production")
    pod = workload(objects, "gateway").pod
    pod["hostNetwork"] = None
    pod["containers"][0]["args"] = None
    assert findings(objects) == []
