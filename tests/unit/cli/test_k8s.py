"""`aisle k8s`: the cluster's objects from the command line."""

import json
from pathlib import Path

import pytest

from services.cli.__main__ import main
from services.cli.exit_codes import ExitCode
from tests.support.overlays import K8S, needs_kubectl
from tests.support.snapshots import publish_snapshot


def test_render_says_what_changed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Once for people, once for programs."""
    root, out = tmp_path / "snapshots", tmp_path / "overlay"
    snapshot = publish_snapshot(root, {"Bag": 20, "Coat": 20})
    assert main(["k8s", "render", "--snapshot", str(root), "--out", str(out)]) == ExitCode.OK
    assert "+ small-searcher" in capsys.readouterr().out
    assert main(["k8s", "render", "--snapshot", str(root), "--out", str(out), "--json"]) == ExitCode.OK
    told = json.loads(capsys.readouterr().out)
    assert told["snapshot_id"] == snapshot.manifest.snapshot_id
    assert told["searchers"] == {"small-searcher": ["bag", "coat"]}
    assert told["appeared"] == told["vanished"] == told["changed"] == []


def test_what_is_refused_is_said_with_its_remedy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 2: it is for whoever asked to mend it."""
    root, out = tmp_path / "snapshots", tmp_path / "overlay"
    publish_snapshot(root, {"Bag": 20})
    command = ["k8s", "render", "--snapshot", str(root), "--out", str(out), "--image", "aisle/searcher"]
    assert main(command) == ExitCode.UNUSABLE_INPUT
    assert "has no tag" in capsys.readouterr().err
    assert not out.exists()


@needs_kubectl
def test_check_finds_nothing_in_ours_and_something_in_half_an_overlay(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Searchers alone lack their settings and whatever protects them: the exit status is for pipelines."""
    assert main(["k8s", "check", str(K8S / "overlays" / "local")]) == ExitCode.OK
    publish_snapshot(tmp_path / "snapshots", {"Bag": 20})
    main(["k8s", "render", "--snapshot", str(tmp_path / "snapshots"), "--out", str(tmp_path / "overlay")])
    capsys.readouterr()
    assert main(["k8s", "check", str(tmp_path / "overlay"), "--json"]) == ExitCode.FAILED
    rules = {json.loads(line)["rule"] for line in capsys.readouterr().out.splitlines()}
    assert {"references", "network"} <= rules
