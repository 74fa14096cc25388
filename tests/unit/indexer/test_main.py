"""The process: exit statuses that mean something, one line that says what to mend."""

from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
import structlog

from services.common.errors import Overtaken
from services.indexer.__main__ import main
from tests.support.galleries import Gallery, make_gallery


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """Undo the process's set-up of logging, which holds on to this test's stderr."""
    yield
    structlog.reset_defaults()


@pytest.fixture
def gallery(tmp_path: Path) -> Gallery:
    return make_gallery(tmp_path, {"Bag": 2})


def test_a_build_that_was_overtaken_ends_with_7(
    tmp_path: Path, gallery: Gallery, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was published meanwhile stays, so it is no failure that somebody has to mend, and none to repeat."""

    def overtaken(*_: object, **__: object) -> NoReturn:
        raise Overtaken("snapshot a was current when this began, but meanwhile snapshot b has become the current one")

    monkeypatch.setattr("services.indexer.__main__.build_snapshot", overtaken)
    arguments = ["--catalogue", str(gallery.catalogue), "--image-root", str(gallery.image_root)]
    assert main([*arguments, "--snapshot-root", str(tmp_path / "root")]) == 7
    assert capsys.readouterr().err.startswith("OVERTAKEN snapshot a was current")


def test_a_wrong_setting_ends_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    """The setting is named, and no traceback follows."""
    assert main(["--catalogue", "c.csv", "--image-root", ".", "--snapshot-root", "s", "--batch-size", "0"]) == 2
    assert capsys.readouterr().err.startswith("indexer: setting batch_size:")


def test_a_catalogue_fault_ends_with_2(tmp_path: Path, gallery: Gallery, capsys: pytest.CaptureFixture[str]) -> None:
    """It is one plain line with reason, file and row."""
    gallery.catalogue.write_text("image_id,product_id,category,image_path\n1,p,,1.jpg\n")
    arguments = ["--catalogue", str(gallery.catalogue), "--image-root", str(gallery.image_root)]
    assert main([*arguments, "--snapshot-root", str(tmp_path / "root")]) == 2
    assert capsys.readouterr().err == "CATALOGUE_INVALID catalogue.csv, row 2: category is empty\n"
