"""What the overlays promise beyond the rules: zones, drains, cleartext, who may write."""

import pytest

from services.kubernetes.workloads import of_kind
from tests.support.overlays import OVERLAYS, needs_kubectl, objects_of, one, workload

pytestmark = needs_kubectl

DNS_SECONDS = 30
"""How long most clusters' caches of DNS keep an address."""


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_gateway_answers_until_dns_has_forgotten_it(overlay: str) -> None:
    """A caller that goes by names alone finds it until then."""
    objects = objects_of(overlay)
    told = one(objects, "ConfigMap", "gateway-settings")["data"]
    pause = workload(objects, "gateway").containers[0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pause + float(told["AISLE_GATEWAY_DRAIN_SECONDS"]) > DNS_SECONDS


def test_production_has_one_of_everything_in_each_of_three_zones() -> None:
    """No autoscaler goes below."""
    scalers = of_kind(objects_of("production"), "HorizontalPodAutoscaler")
    assert {each["spec"]["minReplicas"] for each in scalers} == {3}


@pytest.mark.parametrize(("overlay", "protocols"), [("local", {"kubernetes.io/h2c"}), ("production", {None})])
def test_only_what_speaks_without_tls_is_said_to(overlay: str, protocols: set[str | None]) -> None:
    """Meshes and proxies believe `appProtocol`."""
    services = of_kind(objects_of(overlay), "Service")
    ports = [port for service in services for port in service["spec"]["ports"] if port["name"] == "grpc"]
    assert {port.get("appProtocol") for port in ports} == protocols


def test_only_the_indexer_may_write_to_the_bucket() -> None:
    """Its keys are in a Secret of its own."""
    objects = objects_of("production")
    secrets = {
        name: {
            volume["secret"]["secretName"] for volume in workload(objects, name).pod["volumes"] if "secret" in volume
        }
        for name in ("gateway", "searcher-bag", "indexer")
    }
    assert {name for name, mounted in secrets.items() if "storage-writer" in mounted} == {"indexer"}
    assert {name for name, mounted in secrets.items() if "storage-credentials" in mounted} == {
        "gateway",
        "searcher-bag",
    }


def test_the_searchers_serve_what_the_indexer_builds() -> None:
    """An index over the whole gallery that nobody serves would double the snapshots for nothing."""
    objects = objects_of("production")
    served = one(objects, "ConfigMap", "shard-map")["data"]["shards.json"]
    builds = one(objects, "ConfigMap", "indexer-settings")["data"]["AISLE_INDEXER_BASELINE"]
    assert (builds == "true") == ('"baseline"' in served)


def test_an_overtaken_build_is_not_tried_again() -> None:
    """By itself it would begin from the change that it was refused for, and take it back."""
    cronjob = one(objects_of("production"), "CronJob", "indexer")
    assert cronjob["spec"]["jobTemplate"]["spec"]["backoffLimit"] == 0
