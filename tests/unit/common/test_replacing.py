"""Folders that appear in one step."""

from pathlib import Path

import pytest

from services.common.replacing import replaced_in_one_step


def test_the_older_folder_is_back_when_the_new_one_can_not_take_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is lost, whatever the file system refuses."""
    target, rename = tmp_path / "models", Path.replace
    target.mkdir()
    (target / "old.txt").touch()

    def refused(path: Path, to: Path) -> Path:
        if path.name == "fresh":
            raise OSError("refused")
        return rename(path, to)

    monkeypatch.setattr(Path, "replace", refused)
    with pytest.raises(OSError, match="refused"), replaced_in_one_step(target) as fresh:
        (fresh / "new.txt").touch()
    assert [path.name for path in tmp_path.rglob("*")] == ["models", "old.txt"]
