"""What the overlays promise beyond the rules: zones, drains, cleartext, who may write."""

import os
import shutil
from pathlib import Path

import pytest
import yaml

from services.cli.exit_codes import ExitCode
from services.kubernetes.building import build
from services.kubernetes.checking import findings
from services.kubernetes.images import ImageName
from services.kubernetes.rendering import render
from services.kubernetes.workloads import of_kind, workloads
from tests.support.manifests import manifest_of
from tests.support.overlays import K8S, Objects, needs_kubectl, objects_of, one, workload

pytestmark = needs_kubectl

DEMO = {
    "Ankle boot": 584,
    "Bag": 611,
    "Coat": 625,
    "Dress": 607,
    "Pullover": 619,
    "Sandal": 597,
    "Shirt": 587,
    "Sneaker": 598,
    "T-shirt/top": 601,
    "Trouser": 571,
}
"""Pictures of the demo's categories."""
DEMO_BYTES_PER_ITEM = 100
"""Of its files besides the indexes, which take 1 kB per picture."""


@pytest.mark.parametrize("overlay", ["local", "production"])
def test_rendering_the_demo_again_changes_nothing(overlay: str, tmp_path: Path) -> None:
    """Who has the demo's snapshot begins with what is committed, whatever has become of templates and sizes."""
    copy = tmp_path / overlay
    shutil.copytree(K8S / "overlays" / overlay, copy)
    rendering = render(manifest_of(DEMO, baseline=True, bytes_per_item=DEMO_BYTES_PER_ITEM), copy)
    assert (rendering.appeared, rendering.vanished, rendering.changed) == ([], [], [])


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
    """By itself it would begin from the change that it was refused for, and take it back; even where it was evicted."""
    job = one(objects_of("production"), "CronJob", "indexer")["spec"]["jobTemplate"]["spec"]
    assert job["backoffLimit"] == 0
    first, *_ = job["podFailurePolicy"]["rules"]
    assert (first["action"], first["onExitCodes"]["values"]) == ("FailJob", [ExitCode.OVERTAKEN])


@pytest.mark.parametrize("overlay", ["production", "loadtest"])
def test_tritons_go_where_a_gpu_is_free(overlay: str) -> None:
    """One at a time takes its GPU to its successor, wherever that is, and as many stay as the budget promises."""
    objects = objects_of(overlay)
    triton = workload(objects, "triton")
    assert triton.devices == ["nvidia.com/gpu"]
    spread = {each["topologyKey"]: each["whenUnsatisfiable"] for each in triton.pod["topologySpreadConstraints"]}
    assert spread == dict.fromkeys(["topology.kubernetes.io/zone", "kubernetes.io/hostname"], "ScheduleAnyway")
    rollout = triton.source["spec"]["strategy"]["rollingUpdate"]
    budget = one(objects, "PodDisruptionBudget", "triton")["spec"]
    assert rollout == {"maxSurge": 0, "maxUnavailable": budget["maxUnavailable"]}


def test_everything_else_is_in_different_zones() -> None:
    """And spread over a zone's nodes as far as they have room."""
    for name in ("gateway", "searcher-bag"):
        constraints = workload(objects_of("production"), name).pod["topologySpreadConstraints"]
        spread = {each["topologyKey"]: each["whenUnsatisfiable"] for each in constraints}
        assert spread == {"topology.kubernetes.io/zone": "DoNotSchedule", "kubernetes.io/hostname": "ScheduleAnyway"}


def test_an_overlay_chooses_every_image(tmp_path: Path) -> None:
    """By its digest, in one list: each container has it then, Triton's and the init containers' too; all or none."""
    names = {ImageName.of(name).repository: f"sha256:{number:064x}" for number, name in enumerate(images("production"))}
    assert images_of_overlay(tmp_path, names) == {f"{name}@{digest}" for name, digest in names.items()}
    triton = "nvcr.io/nvidia/tritonserver"
    assert triton in names
    some = {name: digest for name, digest in names.items() if name != triton}
    images_of_overlay(tmp_path, some)
    assert {found.where for found in findings(build(tmp_path))} == {"Deployment/triton"}


def images(overlay: str) -> list[str]:
    """Return the images of an overlay of ours, each once."""
    return sorted(all_images(objects_of(overlay)))


def all_images(objects: Objects) -> set[str]:
    """Return the images of all containers."""
    return {container["image"] for each in workloads(objects) for container in each.all_containers}


def images_of_overlay(folder: Path, digests: dict[str, str]) -> set[str]:
    """Return the images of production with some digests."""
    folder = folder.resolve()
    kustomization = {
        "namespace": "aisle",
        "resources": [os.path.relpath(K8S / "overlays" / "production", folder)],
        "images": [{"name": name, "digest": digest} for name, digest in digests.items()],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    return all_images(list(build(folder)))
