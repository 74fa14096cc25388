"""An overlay's rendered searchers as files."""

import json
from pathlib import Path

import pytest
import yaml

from services.common.errors import SettingsInvalid
from services.kubernetes.kustomization import FOLDER
from services.kubernetes.rendering import render
from services.kubernetes.wishes import FILE
from tests.support.manifests import manifest_of
from tests.support.overlays import make_overlay

TWO = {"Bag": 200_000, "Coat": 200_000}


@pytest.fixture
def overlay(tmp_path: Path) -> Path:
    """A folder to render into."""
    return make_overlay(tmp_path / "overlay")


def files(overlay: Path) -> dict[str, str]:
    """Return what was rendered, by name."""
    return {path.name: path.read_text() for path in sorted((overlay / FOLDER).iterdir())}


def test_each_searcher_is_a_file_of_four_objects(overlay: Path) -> None:
    """Deployment, headless Service, budget and autoscaler, and the kustomization that names them."""
    render(manifest_of(TWO), overlay)
    written = files(overlay)
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


def test_the_same_snapshot_makes_the_same_bytes(overlay: Path) -> None:
    """So a diff is about what has changed."""
    first = render(manifest_of(TWO), overlay)
    before = files(overlay)
    second = render(manifest_of(TWO), overlay)
    assert files(overlay) == before
    assert first.appeared == ["searcher-bag", "searcher-coat"]
    assert (second.appeared, second.vanished, second.changed) == ([], [], [])


def test_a_new_and_a_vanished_category_are_a_file_each(overlay: Path) -> None:
    """No other searcher's file changes."""
    render(manifest_of(TWO), overlay)
    before = files(overlay)
    rendering = render(manifest_of({"Bag": 200_000, "Dress": 200_000}), overlay)
    assert (rendering.appeared, rendering.vanished, rendering.changed) == (["searcher-dress"], ["searcher-coat"], [])
    assert files(overlay)["searcher-bag.yaml"] == before["searcher-bag.yaml"]
    assert "searcher-coat.yaml" not in files(overlay)


def test_a_grown_shard_is_said_to_have_changed(overlay: Path) -> None:
    """Twice as many images need more memory."""
    render(manifest_of(TWO), overlay)
    assert render(manifest_of({**TWO, "Coat": 400_000}), overlay).changed == ["searcher-coat"]


def test_searchers_that_are_short_of_memory_until_it_is_applied_are_named(overlay: Path) -> None:
    """With the share that the new snapshot takes of what they have; a little more is no reason."""
    render(manifest_of(TWO), overlay)
    rendering = render(manifest_of({"Bag": 210_000, "Coat": 250_000}), overlay)
    assert "searcher-coat" in rendering.changed
    assert list(rendering.tight) == ["searcher-coat"]
    assert 1 < rendering.tight["searcher-coat"] < 1.25


def test_a_shard_that_joins_a_pack_is_no_reason(overlay: Path) -> None:
    """Nobody loads it before what was rendered is applied, with the memory for it."""
    render(manifest_of({"Bag": 20, "Coat": 20}), overlay)
    rendering = render(manifest_of({"Bag": 20, "Coat": 20, "Dress": 50_000}), overlay)
    assert (rendering.changed, rendering.tight) == (["small-searcher"], {})


@pytest.mark.parametrize("text", ["<<<<<<< ours\n", "---\n- 1\n", "kind: Deployment\nkind: Job\n"])
def test_what_was_spoilt_since_is_written_anew(overlay: Path, text: str) -> None:
    """As after a merge: to render again is the remedy."""
    render(manifest_of(TWO), overlay)
    file = overlay / FOLDER / "searcher-bag.yaml"
    right = file.read_text()
    file.write_text(right.partition("\n")[0] + "\n" + text)
    assert render(manifest_of(TWO), overlay).changed == ["searcher-bag"]
    assert file.read_text() == right


def test_the_only_replica_may_not_be_evicted(overlay: Path) -> None:
    """With two, one may."""
    for least, away in ((1, 0), (2, 1)):
        (overlay / FILE).write_text(f"replicas: {{least: {least}, most: 4}}\n")
        render(manifest_of(TWO), overlay)
        _, _, budget, scaler = yaml.safe_load_all(files(overlay)["searcher-bag.yaml"])
        assert (budget["spec"]["maxUnavailable"], scaler["spec"]["minReplicas"]) == (away, least)


def test_a_folder_that_holds_something_else_is_left_alone(overlay: Path) -> None:
    """Somebody's own file is not replaced with what is rendered."""
    own = overlay / FOLDER / "own.yaml"
    own.parent.mkdir()
    own.write_text("kind: ConfigMap\n")
    with pytest.raises(SettingsInvalid, match="was not written by `aisle k8s render`"):
        render(manifest_of(TWO), overlay)
    assert own.read_text() == "kind: ConfigMap\n"


def test_a_shard_that_moves_is_named_with_who_served_it(overlay: Path) -> None:
    """Between two searchers it is served by one that gateways do not know yet: whoever applies it has to keep order."""
    small = manifest_of({"Bag": 20, "Coat": 20})
    render(small, overlay)
    assert render(small, overlay).moved == {}
    (overlay / FILE).write_text("shards: {bag: {cores: 2}}\n")
    rendering = render(small, overlay)
    assert (rendering.moved, rendering.appeared) == ({"bag": "small-searcher"}, ["searcher-bag"])


@pytest.mark.parametrize("image", ["aisle/searcher", "aisle/searcher:latest"])
def test_an_image_without_a_release_is_refused(overlay: Path, image: str) -> None:
    """Nothing is written then."""
    with pytest.raises(SettingsInvalid, match="give it a release's tag"):
        render(manifest_of(TWO), overlay, image)
    assert not (overlay / FOLDER).exists()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("images: [{name: aisle/searcher, newTag: 0.10}]", "images.0.newTag: it is no text: put it in quotes"),
        ("images: {aisle/searcher: 1}", "images: it is no list"),
        ("- 1", "it is no keys with values"),
        ("images: []\nimages: []", "line 2: the key 'images' is there twice"),
    ],
)
def test_a_kustomization_that_can_not_be_is_refused_by_its_place(overlay: Path, text: str, why: str) -> None:
    """A tag without quotes is a number, and another one: 0.10 is 0.1."""
    (overlay / "kustomization.yaml").write_text(text)
    with pytest.raises(SettingsInvalid) as refused:
        render(manifest_of(TWO), overlay)
    assert refused.value.message.startswith(str(overlay / "kustomization.yaml"))
    assert why in refused.value.message


@pytest.mark.parametrize("entry", ["newName: registry/aisle", "newTag: latest"])
def test_images_of_the_overlay_need_a_release_too(overlay: Path, entry: str) -> None:
    """They have the last word, so they are read before anything is written."""
    (overlay / "kustomization.yaml").write_text(
        f"resources: [{FOLDER}]\nimages:\n  - name: aisle/searcher\n    {entry}\n"
    )
    with pytest.raises(SettingsInvalid, match="give it a release's tag"):
        render(manifest_of(TWO), overlay)
    assert not (overlay / FOLDER).exists()


def test_a_folder_that_is_no_overlay_is_refused_with_those_there_are(overlay: Path) -> None:
    """A name that is misspelt makes no folder with defaults, and one that builds on another takes no searchers."""
    misspelt, builds_on = overlay.parent / "overlya", overlay.parent / "loadtest"
    with pytest.raises(SettingsInvalid, match=rf"overlya is no overlay.*: choose {overlay}, or begin with a copy"):
        render(manifest_of(TWO), misspelt)
    assert not misspelt.exists()
    builds_on.mkdir()
    (builds_on / "kustomization.yaml").write_text("resources: [../overlay]\n")
    with pytest.raises(SettingsInvalid, match=rf"has no searchers among its resources.*: choose {overlay}, or"):
        render(manifest_of(TWO), builds_on)
    assert not (builds_on / FOLDER).exists()
    with pytest.raises(SettingsInvalid, match="begin with a copy of one in k8s/overlays"):
        render(manifest_of(TWO), overlay / "deep" / "er")
