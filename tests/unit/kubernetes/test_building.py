"""Overlays that can't be built."""

from pathlib import Path

import pytest

from services.common.errors import FailedPrecondition, SettingsInvalid
from services.kubernetes import building
from services.kubernetes.building import build
from tests.support.overlays import needs_kubectl

CONFIG = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"


@needs_kubectl
@pytest.mark.parametrize(
    ("content", "why"),
    [
        (CONFIG + b"data:\n  a: x\n  a: y\n", 'mapping key "a" already defined'),
        (CONFIG + b"data: {a: !!timestamp x}\n", "cannot decode .* as a !!timestamp"),
        (CONFIG + b"data:\n  a: \xff\n", "invalid .*UTF-8"),
        (b"- 1\n", "missing Resource metadata"),
    ],
)
def test_what_kustomize_says_is_one_line(tmp_path: Path, content: bytes, why: str) -> None:
    """With the overlay's name before it."""
    (tmp_path / "kustomization.yaml").write_text("resources: [odd.yaml]\n")
    (tmp_path / "odd.yaml").write_bytes(content)
    with pytest.raises(SettingsInvalid, match=f"^{tmp_path} can't be built: .*{why}") as refused:
        build(tmp_path)
    assert "\n" not in refused.value.message


@needs_kubectl
def test_what_kubectl_takes_for_text_stays_text(tmp_path: Path) -> None:
    """`yes` is no boolean to it, and a date, which kustomize writes as a moment, no date."""
    (tmp_path / "kustomization.yaml").write_text("resources: [odd.yaml]\n")
    (tmp_path / "odd.yaml").write_bytes(CONFIG + b"data: {a: 2024-01-01, b: yes, c: '5'}\n")
    (found,) = build(tmp_path)
    assert found["data"] == {"a": "2024-01-01T00:00:00Z", "b": "yes", "c": "5"}


def test_a_kubectl_that_breaks_down_is_quoted_in_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it does, with pages of words, on an alias within itself; what can't be run is said as well."""
    kubectl = tmp_path / "kubectl"
    kubectl.write_text("#!/bin/sh\nyes 'goroutine 1' | head -n 10000 >&2\nexit 2\n")
    monkeypatch.setattr(building, "find_kubectl", lambda: str(kubectl))
    with pytest.raises(FailedPrecondition, match="kubectl can't be run: Permission denied"):
        build(tmp_path)
    kubectl.chmod(0o755)
    with pytest.raises(SettingsInvalid, match="can't be built: goroutine 1") as refused:
        build(tmp_path)
    assert len(refused.value.message) < 1_000
