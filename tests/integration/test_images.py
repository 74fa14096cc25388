"""Each stage of the Dockerfile as a clean environment: installed as there, run without root where nobody can write."""

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.support.images import DOCKERFILE, IMAGES, ROOT, extras_of_stages
from tests.support.snapshots import publish_snapshot

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

NOBODY = 65534


@pytest.fixture(scope="module")
def pip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The installer of the images, in an environment of its own."""
    folder = tmp_path_factory.mktemp("installer")
    venv.create(folder, with_pip=True)
    pip = folder / "bin" / "pip"
    _run(pip, "install", "--require-hashes", "--no-deps", "--requirement", str(IMAGES / "installer.txt"))
    _run(pip, "install", "--constraint", str(ROOT / "constraints.txt"), "hatchling")
    return pip


@pytest.fixture(scope="module")
def address(pip: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The wheel with its digest, as the stage `wheel` writes it down; built from a copy of what that stage copies."""
    source, wheels = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheels")
    for name in ("pyproject.toml", "README.md", "LICENSE", "NOTICE"):
        shutil.copy(ROOT / name, source)
    for name in ("protos", "services"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    _run(pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(wheels), str(source))
    (wheel,) = wheels.glob("*.whl")
    return f"file://{wheel}#sha256={hashlib.sha256(wheel.read_bytes()).hexdigest()}"


@pytest.mark.parametrize("stage", ["gateway", "searcher", "indexer", "loadtest"])
def test_a_stage_installs_and_starts(stage: str, pip: Path, address: str, tmp_path: Path) -> None:
    """Every package by its hash and none compiled; the process teaches its settings, and a searcher serves."""
    python = tmp_path / "aisle" / "bin" / "python"
    venv.create(tmp_path / "aisle", with_pip=False)
    options = re.findall(r"^ENV INSTALL=\"pip --python \S+ install (.*)\"$", DOCKERFILE.read_text(), re.MULTILINE)[0]
    wanted = f"aisle[{','.join(extras_of_stages()[stage])}] @ {address}"
    options = options.replace("constraints.txt", str(ROOT / "constraints.txt"))
    _run(pip, "--python", str(python), "install", *options.split(), wanted)
    assert not list((tmp_path / "aisle").rglob("bin/pip*"))
    _open_for_reading(tmp_path)
    arguments = ("-m", f"services.{stage}")
    taught = subprocess.run(
        _as_nobody(python, *arguments, "--help"), check=True, capture_output=True, text=True, cwd="/", env=_bare()
    )
    assert "usage: " in taught.stdout
    if stage == "searcher":
        _serves(python, tmp_path)


def _serves(python: Path, folder: Path) -> None:
    publish_snapshot(folder / "snapshots", {"Bag": 20})
    _open_for_reading(folder)
    process = subprocess.Popen(
        _as_nobody(python, "-m", "services.searcher", "--snapshot-root", str(folder / "snapshots")),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd="/",
        env=_bare(),
    )
    assert process.stdout is not None
    try:
        assert any('"serving"' in line for line in process.stdout)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    finally:
        process.kill()
        process.stdout.close()


def _as_nobody(python: Path, *arguments: str) -> list[str]:
    command = [str(python), *arguments]
    return (
        ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *command]
        if os.geteuid() == 0
        else command
    )


def _open_for_reading(folder: Path) -> None:
    """Let anybody read, and nobody write: as a pod's root file system."""
    for parent in (folder, *folder.parents):
        if parent.owner() == "root" and parent != Path("/") and not parent.stat().st_mode & 0o001:
            parent.chmod(parent.stat().st_mode | 0o055)
    subprocess.run(["chmod", "--recursive", "a+rX,a-w", str(folder)], check=True)
    folder.chmod(0o755)


def _bare() -> dict[str, str]:
    return {"PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}


def _run(program: Path, *arguments: str) -> None:
    done = subprocess.run([str(program), *arguments], check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"{program} {' '.join(arguments)} with {sys.version}: {done.stderr[-2000:]}"
