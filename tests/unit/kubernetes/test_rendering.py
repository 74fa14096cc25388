"""An overlay's rendered searchers as files."""

import json
from pathlib import Path

import pytest
import yaml

from services.common.errors import SettingsInvalid
from services.kubernetes.rendering import FOLDER, render
from services.kubernetes.wishes import FILE
from tests.support.manifests import manifest_of

TWO = {"Bag": 200_000, "Coat": 200_000}


def files(overlay: Path) -> dict[str, str]:
    """Return what was rendered, by name."""
    return {path.name: path.read_text() for path in sorted((overlay / FOLDER).iterdir())}


def test_each_searcher_is_a_file_of_four_objects(tmp_path: Path) -> None:
    """Deployment, headless Service, budget and autoscaler, and the kustomization that names them."""
    render(manifest_of(TWO), tmp_path)
    written = files(tmp_path)
    assert sorted(written) == ["kustomization.yaml", "searcher-bag.yaml", "searcher-coat.yaml", "shards.json"]
    deployment, service, budget, scaler = yaml.safe_load_all(written["searcher-bag.yaml"])
    assert [each["kind"] for each in (deployment, service, budget, scaler)] == [
        "Deployment",
        "Service",
        "PodDisruptionBudget",
        "HorizontalPodAutoscaler",
    ]
    assert service["spec"]["clusterIP"] == "None"
    assert json.loads(written["shards.json"])["shards"]["bag"] == ["searcher-bag:50052"]
    assert yaml.safe_load(written["kustomization.yaml"])["resources"] == ["searcher-bag.yaml", "searcher-coat.yaml"]


def test_the_same_snapshot_makes_the_same_bytes(tmp_path: Path) -> None:
    """So a diff is about what has changed."""
    first = render(manifest_of(TWO), tmp_path)
    before = files(tmp_path)
    second = render(manifest_of(TWO), tmp_path)
    assert files(tmp_path) == before
    assert first.appeared == ["searcher-bag", "searcher-coat"]
    assert (second.appeared, second.vanished, second.changed) == ([], [], [])


def test_a_new_and_a_vanished_category_are_a_file_each(tmp_path: Path) -> None:
    """No other searcher's file changes."""
    render(manifest_of(TWO), tmp_path)
    before = files(tmp_path)
    rendering = render(manifest_of({"Bag": 200_000, "Dress": 200_000}), tmp_path)
    assert (rendering.appeared, rendering.vanished, rendering.changed) == (["searcher-dress"], ["searcher-coat"], [])
    assert files(tmp_path)["searcher-bag.yaml"] == before["searcher-bag.yaml"]
    assert "searcher-coat.yaml" not in files(tmp_path)


def test_a_grown_shard_is_said_to_have_changed(tmp_path: Path) -> None:
    """Twice as many images need more memory."""
    render(manifest_of(TWO), tmp_path)
    assert render(manifest_of({**TWO, "Coat": 400_000}), tmp_path).changed == ["searcher-coat"]


def test_the_only_replica_may_not_be_evicted(tmp_path: Path) -> None:
    """With two, one may."""
    for least, away in ((1, 0), (2, 1)):
        (tmp_path / FILE).write_text(f"replicas: {{least: {least}, most: 4}}\n")
        render(manifest_of(TWO), tmp_path)
        _, _, budget, scaler = yaml.safe_load_all(files(tmp_path)["searcher-bag.yaml"])
        assert (budget["spec"]["maxUnavailable"], scaler["spec"]["minReplicas"]) == (away, least)


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    """Somebody's own file is not replaced with what is rendered."""
    own = tmp_path / FOLDER / "own.yaml"
    own.parent.mkdir()
    own.write_text("kind: ConfigMap\n")
    with pytest.raises(SettingsInvalid, match="was not written by `aisle k8s render`"):
        render(manifest_of(TWO), tmp_path)
    assert own.read_text() == "kind: ConfigMap\n"


def test_an_overlay_keeps_its_kustomization(tmp_path: Path) -> None:
    """A folder without one gets one that can be built."""
    render(manifest_of(TWO), tmp_path)
    path = tmp_path / "kustomization.yaml"
    assert yaml.safe_load(path.read_text())["resources"] == [FOLDER]
    path.write_text("# mine\n")
    render(manifest_of(TWO), tmp_path)
    assert path.read_text() == "# mine\n"


@pytest.mark.parametrize("image", ["aisle/searcher", "aisle/searcher:latest"])
def test_an_image_without_a_release_is_refused(tmp_path: Path, image: str) -> None:
    """Nothing is written then."""
    with pytest.raises(SettingsInvalid, match="give it a release's tag"):
        render(manifest_of(TWO), tmp_path, image)
    assert not (tmp_path / FOLDER).exists()


@pytest.mark.parametrize("entry", ["newName: registry/aisle", "newTag: latest"])
def test_images_of_the_overlay_need_a_release_too(tmp_path: Path, entry: str) -> None:
    """They have the last word, so they are read before anything is written."""
    (tmp_path / "kustomization.yaml").write_text(f"images:\n  - name: aisle/searcher\n    {entry}\n")
    with pytest.raises(SettingsInvalid, match="give it a release's tag"):
        render(manifest_of(TWO), tmp_path)
    assert not (tmp_path / FOLDER).exists()
