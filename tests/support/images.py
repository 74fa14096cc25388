"""The stages of the Dockerfile, and what each of them installs."""

import re
import tomllib
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "k8s" / "images"
DOCKERFILE = IMAGES / "Dockerfile"
_INSTALLS = re.compile(r"^FROM wheel AS (\w+)-environment\nRUN \$INSTALL \"aisle\[([\w,]+)\] @ ", re.MULTILINE)


def extras_of_stages() -> dict[str, tuple[str, ...]]:
    """Return the extras of `aisle` that each stage installs, as the Dockerfile says."""
    return {stage: tuple(extras.split(",")) for stage, extras in _INSTALLS.findall(DOCKERFILE.read_text())}


def distributions_of(extras: tuple[str, ...]) -> set[str]:
    """Return the canonical names of all distributions that `aisle` with these extras needs, from what is installed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    optional = project["optional-dependencies"]
    waiting = [(Requirement(text), frozenset[str]()) for text in project["dependencies"]]
    waiting += [(Requirement(f"aisle[{','.join(extras)}]"), frozenset())]
    met: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        requirement, of_extras = waiting.pop()
        if requirement.marker and not any(requirement.marker.evaluate({"extra": each}) for each in of_extras or {""}):
            continue
        name, wanted = canonicalize_name(requirement.name), frozenset(requirement.extras)
        if (name, wanted) in met:
            continue
        met.add((name, wanted))
        if name == "aisle":
            waiting += [(Requirement(text), frozenset()) for extra in wanted for text in optional[extra]]
        else:
            waiting += [(Requirement(text), wanted) for text in distribution(name).requires or ()]
    return {name for name, _ in met} - {"aisle"}
