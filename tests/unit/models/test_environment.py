"""Triton's own Python environment: what needs no installation to be tested."""

from pathlib import Path

import pytest

from services.common.errors import FailedPrecondition
from services.models import environment
from services.models.environment import ensure_environment
from services.models.libpython import fetch_libpython, find_libpython, libpython_name, library_folders


def complete(folder: Path) -> Path:
    """A folder that looks like the result of an installation."""
    (folder / "backends").mkdir(parents=True)
    (folder / "pyvenv.cfg").touch()
    (folder / "aisle-stamp.txt").write_text(environment._wanted_stamp())
    return folder


def test_a_complete_environment_is_used_as_it_is(tmp_path: Path) -> None:
    """The second start installs nothing; the backend is linked to the sources."""
    folder = complete(tmp_path / "triton")
    found = ensure_environment(folder)
    assert found.folder == folder
    assert found.server.name == "tritonserver"
    assert found.libraries[0].name == "nvidia_pytriton.libs"
    assert (found.backends / "onnxruntime" / "model.py").is_file()


def test_a_moved_checkout_gets_its_own_backend(tmp_path: Path) -> None:
    """The link follows the sources that run now."""
    folder = complete(tmp_path / "triton")
    (folder / "backends" / "onnxruntime").symlink_to(tmp_path)
    assert (ensure_environment(folder).backends / "onnxruntime" / "model.py").is_file()


def test_the_stamp_says_what_it_was_made_from() -> None:
    """Other requirements or another Python make another environment."""
    stamp = environment._wanted_stamp()
    assert "requirements " in stamp
    assert "python 3." in stamp


def test_an_unfinished_environment_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the stamp, which is written last, nothing of the folder is trusted."""
    folder = tmp_path / "triton"
    folder.mkdir()
    (folder / "pyvenv.cfg").touch()
    (folder / "half").touch()
    installed = []

    def install(*argv: str) -> None:
        assert not (folder / "half").exists()
        installed.append(argv)
        raise FailedPrecondition("interrupted")

    monkeypatch.setattr(environment, "_run", install)
    for _ in range(2):
        with pytest.raises(FailedPrecondition, match="interrupted"):
            ensure_environment(folder)
    assert len(installed) == 2


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    """A wrong setting must not cost anybody a home folder."""
    (tmp_path / "precious").touch()
    with pytest.raises(FailedPrecondition, match="no virtual environment"):
        ensure_environment(tmp_path)
    assert (tmp_path / "precious").exists()


def test_another_python_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """numpy 1.26 has no wheels for it."""
    monkeypatch.setattr(environment, "python_series", lambda: "3.14")
    with pytest.raises(FailedPrecondition, match=r"3\.11 or 3\.12, this is 3\.14"):
        ensure_environment(tmp_path / "triton")


def test_a_failed_installation_says_why(tmp_path: Path) -> None:
    """The last lines of the tool, not just its exit status."""
    script = tmp_path / "tool.py"
    script.write_text("import sys; sys.exit('no such package')")
    with pytest.raises(FailedPrecondition, match="no such package"):
        environment._run(str(script))


def test_the_first_folder_with_the_library_wins(tmp_path: Path) -> None:
    """A Python's own library comes before the system's."""
    own, system = tmp_path / "own", tmp_path / "system"
    for folder in (own, system):
        folder.mkdir()
        (folder / libpython_name()).touch()
    assert find_libpython((tmp_path, own, system)) == own
    assert find_libpython((tmp_path,)) is None


def test_this_python_is_looked_up_first() -> None:
    """Where Python was built to live comes before the distribution's folders."""
    folders = library_folders()
    assert Path("/usr/lib") in folders
    assert len(set(folders)) == len(folders)


def test_without_apt_the_advice_is_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On another distribution the message names the file that is missing."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FailedPrecondition, match=f"needs {libpython_name()}"):
        fetch_libpython(tmp_path)
