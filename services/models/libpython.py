"""Finds the shared libpython that Triton's stub links to; Debian installs Python without it."""

import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterable
from pathlib import Path

from services.common.errors import FailedPrecondition

_APT_TIMEOUT_SECONDS = 120.0


def python_series() -> str:
    """Return major and minor version of the running Python, such as "3.11"."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def libpython_name() -> str:
    """Return the file name of the shared library of the running Python's series."""
    return f"libpython{python_series()}.so.1.0"


def library_folders() -> tuple[Path, ...]:
    """Return where the running Python's shared library may be, the likeliest first.

    Its own folder comes before the system's: a Python built by hand must not be mixed with Debian's library.
    """
    multiarch = sysconfig.get_config_var("MULTIARCH") or "x86_64-linux-gnu"
    own = (sysconfig.get_config_var("LIBDIR"), f"{sys.base_prefix}/lib")
    system = (f"/usr/lib/{multiarch}", f"/lib/{multiarch}", "/usr/lib64", "/usr/lib")
    return tuple(dict.fromkeys(Path(folder) for folder in (*own, *system) if folder))


def find_libpython(folders: Iterable[Path]) -> Path | None:
    """Return the first folder that has the shared library; None when none has."""
    return next((folder for folder in folders if (folder / libpython_name()).exists()), None)


def fetch_libpython(destination: Path) -> Path:
    """Put the shared library from the distribution's package into `destination`, without root, and return its folder.

    apt checks the package's signature as it does for an installation.

    Raises:
        FailedPrecondition: no apt, or it has no such package; the message says what to install.
    """
    package = f"libpython{python_series()}"
    advice = f"Triton needs {libpython_name()}: install it (on Debian and Ubuntu: apt-get install {package})"
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise FailedPrecondition(advice)
    destination.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        _run(["apt-get", "download", "--quiet", package], Path(folder), advice)
        for archive in Path(folder).glob(f"{package}_*.deb"):
            _run(["dpkg-deb", "--extract", str(archive), "unpacked"], Path(folder), advice)
        for library in Path(folder, "unpacked").rglob(libpython_name()):
            shutil.copy2(library, destination)
            return destination
    raise FailedPrecondition(advice)


def _run(argv: list[str], folder: Path, advice: str) -> None:
    try:
        subprocess.run(  # noqa: S603  # fixed programs, package name of this Python
            argv, cwd=folder, check=True, capture_output=True, text=True, timeout=_APT_TIMEOUT_SECONDS
        )
    except subprocess.CalledProcessError as error:
        raise FailedPrecondition(f"{advice}; {argv[0]} said: {error.stderr.strip()}") from error
    except subprocess.TimeoutExpired as error:
        raise FailedPrecondition(f"{advice}; {argv[0]} took longer than {_APT_TIMEOUT_SECONDS:.0f} s") from error
