"""`aisle k8s`: the cluster's objects from the command line."""

import json
import shutil
from pathlib import Path

import pytest

from services.cli.__main__ import main
from services.cli.exit_codes import ExitCode
from tests.support.overlays import K8S, make_overlay, needs_kubectl
from tests.support.snapshots import publish_snapshot


def test_render_says_what_changed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Once for people, once for programs."""
    root, out = tmp_path / "snapshots", make_overlay(tmp_path / "overlay")
    snapshot = publish_snapshot(root, {"Bag": 20, "Coat": 20})
    assert main(["k8s", "render", "--snapshot", str(root), "--out", str(out)]) == ExitCode.OK
    assert "+ small-searcher" in capsys.readouterr().out
    assert main(["k8s", "render", "--snapshot", str(root), "--out", str(out), "--json"]) == ExitCode.OK
    told = json.loads(capsys.readouterr().out)
    assert told["snapshot_id"] == snapshot.manifest.snapshot_id
    assert told["searchers"] == {"small-searcher": ["bag", "coat"]}
    assert told["appeared"] == told["vanished"] == told["changed"] == []
    (out / "searchers.yaml").write_text("shards: {bag: {cores: 2}}\n")
    assert main(["k8s", "render", "--snapshot", str(root), "--out", str(out)]) == ExitCode.OK
    assert "bag moves from small-searcher to searcher-bag" in capsys.readouterr().out


def test_what_is_refused_is_said_with_its_remedy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 2: it is for whoever asked to mend it."""
    root, out = tmp_path / "snapshots", make_overlay(tmp_path / "overlay")
    publish_snapshot(root, {"Bag": 20})
    command = ["k8s", "render", "--snapshot", str(root), "--out", str(out), "--image", "aisle/searcher"]
    assert main(command) == ExitCode.UNUSABLE_INPUT
    assert "has no tag" in capsys.readouterr().err
    assert not (out / "searchers").exists()


@needs_kubectl
def test_check_compares_with_the_snapshot_where_it_is_asked_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The demo's searchers, and a snapshot with other categories: what vanished is a warning, what is new a finding."""
    publish_snapshot(tmp_path, {"Bag": 20, "Hat": 20})
    command = ["k8s", "check", str(K8S / "overlays" / "local"), "--snapshot", str(tmp_path)]
    assert main(command) == ExitCode.FAILED
    said = capsys.readouterr().out
    assert "ConfigMap/shard-map: growth: shard hat is served by no searcher: render again" in said
    assert "warning: Deployment/small-searcher: growth: the snapshot has no shard coat any more" in said
    assert "objects, 1 findings, 10 warnings" in said


@needs_kubectl
def test_check_finds_nothing_in_ours_and_something_in_half_an_overlay(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Searchers alone lack their settings and whatever protects them: the exit status is for pipelines."""
    assert main(["k8s", "check", str(K8S / "overlays" / "local")]) == ExitCode.OK
    publish_snapshot(tmp_path / "snapshots", {"Bag": 20})
    out = make_overlay(tmp_path / "overlay")
    main(["k8s", "render", "--snapshot", str(tmp_path / "snapshots"), "--out", str(out)])
    capsys.readouterr()
    assert main(["k8s", "check", str(tmp_path / "overlay"), "--json"]) == ExitCode.FAILED
    rules = {json.loads(line)["rule"] for line in capsys.readouterr().out.splitlines()}
    assert {"references", "network"} <= rules


@needs_kubectl
def test_one_typo_is_a_handful_of_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each searcher lacks it; what there is instead is said."""
    overlay = copied(tmp_path) / "production"
    kustomization = overlay / "kustomization.yaml"
    kustomization.write_text(kustomization.read_text().replace("root=s3:", "rot=s3:"))
    assert main(["k8s", "check", str(overlay)]) == ExitCode.FAILED
    *lines, _ = capsys.readouterr().out.splitlines()
    assert len(lines) == 5  # three kinds of container lack it, settings, and the way to what is not asked for any more
    assert any("searcher-coat and 7 more: references: " in line and "which has rot" in line for line in lines)


def copied(folder: Path) -> Path:
    """Copy the manifests, and return the overlays' folder."""
    shutil.copytree(K8S, folder / "k8s")
    return folder / "k8s" / "overlays"
