"""`aisle fit head` end to end on a tiny shop, and what it says about bad input."""

import fcntl
import hashlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import structlog

from services.cli.__main__ import main
from services.cli.exit_codes import ExitCode
from services.models.golden import golden_picture
from services.models.repository import read_repository
from services.training import features
from services.training.fit_cards import classifier_card, embedder_card
from services.training.photos import Pixels, load, read
from services.training.record import from_json
from tests.support.fitting import CATEGORIES, SIDE, rewrite, write_base, write_shop

Row = list[str]


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    yield
    structlog.reset_defaults()


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return write_shop(tmp_path / "shop")


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return write_base(tmp_path / "base")


@pytest.fixture
def fit(tmp_path: Path, shop: Path, base: Path) -> Callable[..., int]:
    """The command with the places of this test; `out` is where the repository goes."""

    def run(*words: str, out: str = "models") -> int:
        places = ("--out", tmp_path / out, "--base", base, "--work", tmp_path / "work")
        return main(["fit", "head", str(shop), *map(str, places), *words])

    return run


def _digests(repository: Path) -> dict[str, str]:
    return {
        file.parent.parent.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in repository.glob("*/1/model.onnx")
    }


def test_a_fit_is_a_whole_repository(tmp_path: Path, shop: Path, fit: Callable[..., int]) -> None:
    """Both models, complete and in agreement with their files; the classifier tells the photos apart; the cards say."""
    assert fit() == ExitCode.OK
    models = {model.info.name: model for model in read_repository(tmp_path / "models")}
    classifier, embedder = models["classifier"], models["embedder"]
    assert classifier.info.labels == CATEGORIES
    digests = _digests(tmp_path / "models")
    assert classifier.info.version == f"lite0-head4-{digests['classifier'][:8]}"
    assert embedder.info.version == f"lite0-fit12-{digests['embedder'][:8]}"
    for name, model in models.items():
        session = onnxruntime.InferenceSession(str(tmp_path / "models" / name / "1/model.onnx"))
        answer = session.run(None, {"pixels": golden_picture(SIDE, SIDE)[None]})[0]
        np.testing.assert_allclose(answer[0], model.golden.output, atol=model.golden.tolerance)
    photos = sorted((shop / "val").iterdir())
    session = onnxruntime.InferenceSession(str(tmp_path / "models/classifier/1/model.onnx"))
    likeliest = session.run(None, {"pixels": load(photos, SIDE)})[0].argmax(axis=1)
    right = [CATEGORIES[label] == photo.name.split("-")[0] for label, photo in zip(likeliest, photos, strict=True)]
    assert np.mean(right) > 0.9
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_the_cards_are_the_record_in_words(tmp_path: Path, fit: Callable[..., int]) -> None:
    """`fit.json` beside the classifier holds all that both cards say."""
    assert fit() == ExitCode.OK
    models = tmp_path / "models"
    record = from_json((models / "classifier/fit.json").read_text())
    digests = _digests(models)
    for name, card in (("classifier", classifier_card(record)), ("embedder", embedder_card(record))):
        assert (models / name / "MODEL_CARD.md").read_text() == card.replace("{sha256}", digests[name])
    assert record.counts.model_dump() == {
        "train_photos": 96, "val_photos": 48, "gallery_pictures": 8, "categories": 4, "products": 8, "unreadable": 0,
    }  # fmt: skip
    assert record.classifier.new_products is not None
    assert record.retrieval is not None
    assert record.retrieval.break_even is not None


def test_the_same_command_makes_the_same_files(tmp_path: Path, fit: Callable[..., int]) -> None:
    """Also when the second one takes up no features of the first."""
    assert fit(out="first") == ExitCode.OK
    assert fit("--work", str(tmp_path / "other"), out="second") == ExitCode.OK
    assert _digests(tmp_path / "first") == _digests(tmp_path / "second")


def test_an_interrupted_fit_goes_on(tmp_path: Path, fit: Callable[..., int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is published by the first run; the second reads no picture again that the first has read."""
    seen: list[Path] = []
    limit = 100

    def noted(path: Path, side: int) -> Pixels:
        if len(seen) == limit:
            raise KeyboardInterrupt
        seen.append(path)
        return read(path, side)

    monkeypatch.setattr(features, "read", noted)
    assert fit() == ExitCode.INTERRUPTED
    assert not (tmp_path / "models").exists()
    finished, limit = set(seen[:64]), 1000
    seen.clear()
    assert fit() == ExitCode.OK
    assert not finished & set(seen)
    assert read_repository(tmp_path / "models")


def test_an_embedder_can_be_kept(tmp_path: Path, base: Path, fit: Callable[..., int]) -> None:
    """Byte for byte, with all that lies beside it: no new index is needed."""
    assert fit("--keep-embedder") == ExitCode.OK
    for file in (path for path in (base / "embedder").rglob("*") if path.is_file()):
        assert (tmp_path / "models/embedder" / file.relative_to(base / "embedder")).read_bytes() == file.read_bytes()


def test_int8_is_served_and_its_cost_is_said(
    tmp_path: Path, fit: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    """The file holds quantised weights; the record holds both figures."""
    assert fit("--int8", "--json") == ExitCode.OK
    record = json.loads(capsys.readouterr().out)
    for name in ("classifier", "embedder"):
        assert record[name]["quantised"]["float32"] - record[name]["quantised"]["int8"] < 0.1
        assert b"QuantizeLinear" in (tmp_path / "models" / name / "1/model.onnx").read_bytes()
    assert read_repository(tmp_path / "models")


def test_without_products_the_embedder_stays(
    tmp_path: Path, shop: Path, fit: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    """And it is said, with what can't be known then."""
    for table in ("train.csv", "val.csv"):
        rewrite(shop / table, lambda row: [row[0], "", f" {row[2]} "])
    assert fit() == ExitCode.OK
    assert "no photo names its product" in capsys.readouterr().out
    versions = {model.info.name: model.info.version for model in read_repository(tmp_path / "models")}
    assert versions["embedder"] == "tiny-1"


def test_a_few_unreadable_photos_are_left_out_and_listed(
    tmp_path: Path, shop: Path, fit: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    """One of 152 is an accident, two are too many."""
    (shop / "train/Hat-a-0.png").write_bytes(b"no picture")
    assert fit("--json") == ExitCode.OK
    assert json.loads(capsys.readouterr().out)["counts"]["unreadable"] == 1
    (listed,) = (tmp_path / "work").rglob("unreadable.csv")
    assert "Hat-a-0.png" in listed.read_text()
    (shop / "train/Bag-a-0.png").unlink()
    assert fit(out="other") == ExitCode.UNUSABLE_INPUT
    assert "2 of 152 pictures can't be read" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda row: row if row[2] == "Bag" else None, "of 1 of the catalogue's categories to learn from"),
        (lambda row: [row[0], row[1], f"{row[2]} of ours"], "photos of 0 of the catalogue's categories"),
        (lambda row: [row[0], row[1], "  "], "row 2: the category is empty"),
        (lambda _: None, "train.csv has no rows"),
    ],
)
def test_labels_that_can_not_be_learnt_are_refused(
    tmp_path: Path,
    shop: Path,
    fit: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
    change: Callable[[Row], Row | None],
    words: str,
) -> None:
    """In clear words, before any picture is opened, and nothing is written."""
    rewrite(shop / "train.csv", change)
    assert fit() == ExitCode.UNUSABLE_INPUT
    assert words in capsys.readouterr().err
    assert not (tmp_path / "models").exists()
    assert not (tmp_path / "work").exists()


def test_a_repository_that_exists_is_kept_unless_it_is_to_go(
    tmp_path: Path, fit: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    """And what is no repository is kept in any case."""
    assert fit() == ExitCode.OK
    (tmp_path / "models/stray.txt").touch()
    assert fit() == ExitCode.UNUSABLE_INPUT
    assert "--replace" in capsys.readouterr().err
    assert (tmp_path / "models/stray.txt").exists()
    assert fit("--replace") == ExitCode.OK
    assert not (tmp_path / "models/stray.txt").exists()
    assert fit("--replace", out="shop") == ExitCode.UNUSABLE_INPUT
    assert "is no model repository" in capsys.readouterr().err


def test_a_place_that_can_not_be_written_to_is_refused_at_once(
    tmp_path: Path, fit: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    """Not after an hour of fitting."""
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for out in ("shop/train.csv/models", "link"):
        assert fit(out=out) == ExitCode.UNUSABLE_INPUT
        assert "choose another place" in capsys.readouterr().err
    assert not (tmp_path / "work").exists()


def test_a_repository_that_appears_meanwhile_is_kept(
    tmp_path: Path, fit: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another fit may be faster with the same place."""
    entry = tmp_path / "models/classifier/config.pbtxt"

    def noted(path: Path, side: int) -> Pixels:
        entry.parent.mkdir(parents=True, exist_ok=True)
        entry.touch()
        return read(path, side)

    monkeypatch.setattr(features, "read", noted)
    assert fit() == ExitCode.UNUSABLE_INPUT
    assert "--replace" in capsys.readouterr().err
    assert [path for path in (tmp_path / "models").rglob("*") if path.is_file()] == [entry]


def test_two_fits_do_not_share_their_unfinished_work(
    tmp_path: Path, fit: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    """Their files have the same names."""
    assert fit() == ExitCode.OK
    (file,) = (tmp_path / "work").glob("*/*/lock")
    with file.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert fit(out="other") == ExitCode.FAILED
    assert "another --work" in capsys.readouterr().err
    assert fit(out="other") == ExitCode.OK


def test_photos_that_all_look_the_same_are_refused(
    tmp_path: Path, shop: Path, fit: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    """An hour of black photos, say."""
    for photo in (shop / "train").iterdir():
        photo.write_bytes((shop / "train/Bag-a-0.png").read_bytes())
    assert fit() == ExitCode.UNUSABLE_INPUT
    assert "all look the same" in capsys.readouterr().err
    assert not (tmp_path / "models").exists()


def test_fine_tuning_without_torch_says_how_to_get_it(
    tmp_path: Path, shop: Path, base: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message names the extra and the way that does without."""
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "services.training.fine_tuning", raising=False)
    argv = ["fit", "fine-tune", str(shop), "--out", str(tmp_path / "models"), "--base", str(base)]
    assert main(argv) == ExitCode.FAILED
    said = capsys.readouterr().err
    assert "make train-setup" in said
    assert "aisle fit head" in said
