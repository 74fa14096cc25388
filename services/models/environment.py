"""Makes Triton's own Python environment: the server and its stub want numpy 1, everything else in Aisle numpy 2."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from services.common.errors import FailedPrecondition
from services.common.telemetry import get_logger
from services.models.child_processes import tied_to_parent
from services.models.libpython import fetch_libpython, find_libpython, library_folders, python_series

_log = get_logger()

_REQUIREMENTS = Path(__file__).with_name("triton-requirements.txt")
_ONNXRUNTIME_BACKEND = Path(__file__).with_name("triton_backend") / "onnxruntime"
# numpy 1.26 has wheels up to 3.12, onnxruntime 1.32 from 3.11 on.
_SERIES = ("3.11", "3.12")


@dataclass(frozen=True, slots=True)
class TritonEnvironment:
    """An environment that is complete.

    Attributes:
        folder: of the virtual environment, absolute.
        server: the `tritonserver` binary.
        backends: folder for `--backend-directory`, with the backends `python` and `onnxruntime`.
        libraries: folders for the dynamic linker, in order.
    """

    folder: Path
    server: Path
    backends: Path
    libraries: tuple[Path, ...]


def ensure_environment(folder: Path) -> TritonEnvironment:
    """Return Triton's environment in `folder`; install it first when it is missing, unfinished or out of date.

    Blocks, for some 20 seconds when there is something to install. Safe to interrupt and to call from several
    processes at once: one installs, the others wait, and only a stamp written at the end makes it valid.

    Raises:
        FailedPrecondition: this Python can't run Triton's stub, something could not be installed, or `folder` holds
            something else than a virtual environment.
    """
    if python_series() not in _SERIES:
        raise FailedPrecondition(f"Triton's stub needs Python {' or '.join(_SERIES)}, this is {python_series()}")
    folder = folder.absolute()
    with _locked(folder):
        if _read_stamp(folder) != _wanted_stamp():
            _install(folder)
        _link(_ONNXRUNTIME_BACKEND, folder / "backends" / "onnxruntime")
    packages = _packages(folder)
    libpython = find_libpython((*library_folders(), folder / "libpython"))
    return TritonEnvironment(
        folder=folder,
        server=packages / "pytriton" / "tritonserver" / "bin" / "tritonserver",
        backends=folder / "backends",
        libraries=(packages / "nvidia_pytriton.libs", *((libpython,) if libpython else ())),
    )


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold a lock on the folder's parent, for a lock inside would go away with what it guards."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    parent = os.open(folder.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(parent, fcntl.LOCK_EX)
        yield
    finally:
        os.close(parent)


def _install(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()) and not (folder / "pyvenv.cfg").exists():
        raise FailedPrecondition(f"{folder} is no virtual environment: won't replace it with Triton's")
    shutil.rmtree(folder, ignore_errors=True)
    _log.info("installing_triton_environment", folder=str(folder))
    # Our own pip fills it: one in there would be started through a process of its own, which nothing ties to us.
    _run("-m", "venv", "--without-pip", str(folder))
    into = ("--target", str(_packages(folder)), "--disable-pip-version-check", "--no-input", "--quiet")
    _run("-m", "pip", "install", *into, "--no-deps", "--require-hashes", "--no-compile", "-r", str(_REQUIREMENTS))
    # On all cores, which pip does not; without it every stub would compile what it imports, at each start.
    _run("-m", "compileall", "-q", "-j", "0", str(_packages(folder)))
    _copy_python_backend(_packages(folder) / "pytriton" / "tritonserver", folder / "backends" / "python")
    if find_libpython(library_folders()) is None:
        fetch_libpython(folder / "libpython")
    _stamp_file(folder).write_text(_wanted_stamp())


def _copy_python_backend(server: Path, destination: Path) -> None:
    """Put Triton's Python backend and the stub of this Python's series into one folder, where Triton looks for both."""
    shutil.copytree(server / "backends" / "python", destination)
    shutil.copy2(server / "python_backend_stubs" / python_series() / "triton_python_backend_stub", destination)


def _link(target: Path, link: Path) -> None:
    """Make `link` point to `target`; a server that reads it meanwhile sees the old or the new one."""
    if link.is_symlink() and link.readlink() == target:
        return
    fresh = link.with_name(link.name + ".new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.replace(link)


def _packages(folder: Path) -> Path:
    return folder / "lib" / f"python{python_series()}" / "site-packages"


def _stamp_file(folder: Path) -> Path:
    return folder / "aisle-stamp.txt"


def _wanted_stamp() -> str:
    """Say what an environment must have been made from, and with which Python."""
    digest = hashlib.sha256(_REQUIREMENTS.read_bytes()).hexdigest()
    return f"requirements {digest}\npython {sys.version.split()[0]} {sys.base_prefix}\n"


def _read_stamp(folder: Path) -> str:
    try:
        return _stamp_file(folder).read_text()
    except FileNotFoundError:
        return ""


def _run(*arguments: str) -> None:
    """Run this Python; the child dies with us, for one that goes on would write into what the next start clears."""
    # A caller's PYTHONHOME or PYTHONPATH would make pip see packages that are not in the new environment.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(  # noqa: S603  # our own Python and arguments
        tied_to_parent((sys.executable, *arguments), "KILL"),
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        last = "\n".join((done.stderr or done.stdout).strip().splitlines()[-5:])
        raise FailedPrecondition(f"Triton's environment could not be installed: {last}")
