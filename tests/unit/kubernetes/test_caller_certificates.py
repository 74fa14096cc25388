"""The component that opens a second port of the gateway, for callers with a certificate beside those with a token."""

import os
from pathlib import Path

import pytest

from services.gateway.config import GatewaySettings
from services.kubernetes.building import build
from services.kubernetes.checking import findings
from tests.support.overlays import K8S, Objects, needs_kubectl, one, workload

pytestmark = needs_kubectl


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Objects:
    """The production overlay with the component."""
    folder = tmp_path_factory.mktemp("overlay").resolve()
    production, component = (
        os.path.relpath(K8S / part, folder) for part in ("overlays/production", "components/caller-certificates")
    )
    (folder / "kustomization.yaml").write_text(
        f"namespace: aisle\nresources: [{production}]\ncomponents: [{component}]\n", encoding="utf-8"
    )
    return list(build(Path(folder)))


def test_nothing_is_wrong_with_it(objects: Objects) -> None:
    """Callers reach the new port, and nobody else does."""
    assert findings(objects) == []


def test_callers_with_tokens_find_them_where_they_did(objects: Objects) -> None:
    """The port that they know stays theirs; each port of the Service leads to what the gateway is told."""
    told = {
        name.removeprefix("AISLE_GATEWAY_").lower(): value
        for name, value in one(objects, "ConfigMap", "gateway-settings")["data"].items()
    }
    settings = GatewaySettings.model_validate({"snapshot_root": "s", "topology": "t", **told})
    listens = dict(workload(objects, "gateway").ports())
    assert (listens["grpc"], listens["certificates"]) == (settings.token_port, settings.port)
    service = {port["name"]: port["port"] for port in one(objects, "Service", "gateway")["spec"]["ports"]}
    before = {
        port["name"]: port["port"] for port in one(list(build(K8S / "base")), "Service", "gateway")["spec"]["ports"]
    }
    assert service == {**before, "certificates": settings.port}
