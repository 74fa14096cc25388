"""Files that change while a process runs: what is sound is taken, what is not changes nothing."""

import os
import stat
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from services.common.errors import SettingsInvalid
from services.common.security.files import Reloading, read_file


def reloading(path: Path) -> Reloading[int]:
    """Return a number in a file."""

    def read() -> int:
        text = read_file(path, field="number")
        if not text.isdigit():
            raise SettingsInvalid("no number")
        return int(text)

    return Reloading((path,), read)


def test_a_change_is_seen_once(tmp_path: Path) -> None:
    """And a file that says the same again is none."""
    path = tmp_path / "number"
    path.write_text("1")
    number = reloading(path)
    assert (number.value, number.look()) == (1, False)
    path.write_text("22")
    assert (number.look(), number.value, number.version) == (True, 22, 1)
    path.write_text("022")
    assert (number.look(), number.value, number.version) == (False, 22, 1)


@pytest.mark.parametrize("spoiled", ["", "x", None])
def test_what_is_unusable_changes_nothing(tmp_path: Path, spoiled: str | None) -> None:
    """It is said once, and the next sound content is taken."""
    path = tmp_path / "number"
    path.write_text("1")
    number = reloading(path)
    path.unlink() if spoiled is None else path.write_text(spoiled)
    with capture_logs() as log:
        assert not number.look()
        assert not number.look()
    assert [line["event"] for line in log] == ["files_refused"]
    assert number.value == 1
    path.write_text("333")
    assert number.look()
    assert number.value == 333


def test_an_error_that_nobody_foresaw_changes_nothing_either(tmp_path: Path) -> None:
    """It is said by its kind alone: its words may quote a secret."""
    path = tmp_path / "number"
    path.write_text("1")
    number = Reloading((path,), lambda: int(path.read_text()))
    path.write_text("secret")
    with capture_logs() as log:
        assert not number.look()
    assert [(line["event"], line["error"]) for line in log] == [("files_refused", "ValueError")]
    path.write_text("22")
    assert (number.look(), number.value) == (True, 22)


def test_a_file_that_may_be_read_again_is(tmp_path: Path) -> None:
    """Its rights have changed, and nothing else of it."""
    path = tmp_path / "number"
    path.write_text("1")

    def read() -> int:
        if not path.stat().st_mode & stat.S_IRUSR:  # root could read it
            raise SettingsInvalid("it can't be read")
        return int(path.read_text())

    number = Reloading((path,), read)
    path.write_text("22")
    path.chmod(0)
    assert not number.look()
    path.chmod(0o600)
    assert (number.look(), number.value) == (True, 22)


def test_a_link_that_leads_elsewhere_is_a_change(tmp_path: Path) -> None:
    """Clusters replace a mounted secret by one link, of which the files themselves know nothing."""
    for name, content in (("before", "1"), ("after", "2")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "number").write_text(content)
    (tmp_path / "data").symlink_to("before")
    (tmp_path / "number").symlink_to("data/number")
    number = reloading(tmp_path / "number")
    (tmp_path / "fresh").symlink_to("after")
    (tmp_path / "fresh").replace(tmp_path / "data")
    assert number.look()
    assert number.value == 2


def test_what_can_t_be_read_at_first_is_refused(tmp_path: Path) -> None:
    """A process does not start with half of its settings."""
    with pytest.raises(SettingsInvalid, match=r"gone can't be read: No such file") as refused:
        reloading(tmp_path / "gone")
    assert refused.value.field == "number"


def test_a_file_of_somebody_else_s_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Secrets are often mounted for another user than the process's."""

    def refuse(_path: str, _flags: int) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(SettingsInvalid, match=r"secret can't be read: let this process's user read it"):
        read_file(tmp_path / "secret", field="token_file")


def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    """A pipe has nothing to say until somebody writes, and a handshake would wait for that."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(SettingsInvalid, match="pipe is no regular file"):
        read_file(path, field="tls_key")


def test_a_file_that_is_far_too_large_is_refused(tmp_path: Path) -> None:
    """Somebody has named another one."""
    path = tmp_path / "photos"
    with path.open("wb") as file:
        file.truncate(9 * 2**20)
    with pytest.raises(SettingsInvalid, match="photos has more than 8,388,608 bytes"):
        read_file(path, field="access_file")
