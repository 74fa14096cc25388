"""`aisle join`: from a fitted repository to a system that asks one model once."""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
import structlog
from aisle.search.v1 import search_pb2 as pb

from services.cli.__main__ import main
from services.cli.exit_codes import ExitCode
from services.common.errors import FailedPrecondition, InvalidArgument, ModelOutputInvalid, ModelUnavailable
from services.models.client import TritonModels
from services.models.metadata import CLASSIFIER, EMBEDDER
from services.models.process import TritonProcess
from services.models.repository import read_repository
from services.training import joined_release
from services.training.base import read_base
from services.training.joined_release import join_repository
from services.training.joining import join
from tests.support.cluster import IMAGES, cluster, photo, pixels_of, publish
from tests.support.fitting import tiny_backbone, write_base, write_shop
from tests.support.tiny_models import run_in_process


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository as `aisle fit head` makes it."""
    folder = tmp_path_factory.mktemp("fitted")
    shop, base = write_shop(folder / "shop", photos_per_product=6), write_base(folder / "base")
    places = ("--out", folder / "models", "--base", base, "--work", folder / "work")
    assert main(["fit", "head", str(shop), *map(str, places)]) == ExitCode.OK
    return folder / "models"


def test_a_joined_repository_is_the_two_in_one(
    tmp_path: Path, fitted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Versions, digests, labels, golden answers and cards are those of the two; it is smaller than both."""
    assert main(["join", str(fitted), "--out", str(tmp_path / "joined"), "--json"]) == ExitCode.OK
    said = json.loads(capsys.readouterr().out)
    two = {model.info.name: model for model in read_repository(fitted)}
    one = {model.info.name: model for model in read_repository(tmp_path / "joined")}
    assert one.keys() == two.keys() == {"embedder", "classifier"}
    for name, model in one.items():
        was = two[name].info
        assert model.info.joined
        assert (model.info.version, model.info.sha256, model.info.labels) == (was.version, was.sha256, was.labels)
        np.testing.assert_array_equal(model.golden.output, two[name].golden.output)
        assert said[name] == was.version
    assert one[EMBEDDER].info.space == two[EMBEDDER].info.space
    folder = tmp_path / "joined/embedder_classifier"
    assert (folder / "fit.json").read_bytes() == (fitted / "classifier/fit.json").read_bytes()
    assert "the same numbers, bit for bit" in (folder / "MODEL_CARD.md").read_text()
    assert said["file_bytes"]["embedder_classifier"] < sum(said["file_bytes"][name] for name in two)
    assert said["cpu_ms"].keys() == {"embedder", "classifier", "embedder_classifier"}


def test_the_joined_model_must_answer_as_the_two_do(
    tmp_path: Path, fitted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another embedder's answers under this one's digest would be vectors of two spaces in one index."""

    def joined_wrongly(_embedder: onnx.ModelProto, classifier: onnx.ModelProto) -> onnx.ModelProto:
        return join(tiny_backbone(), classifier)

    monkeypatch.setattr(joined_release, "join", joined_wrongly)
    with pytest.raises(ModelOutputInvalid, match="does not answer what the embedder does"):
        join_repository(fitted, tmp_path / "joined", command="", replace=False)
    assert not (tmp_path / "joined").exists()


def test_what_can_not_be_joined_is_refused(tmp_path: Path, fitted: Path) -> None:
    """A lost half, a joined model, and a place that is taken; nothing is written."""
    shutil.copytree(fitted / "embedder", tmp_path / "half/embedder")
    with pytest.raises(FailedPrecondition, match="half has no classifier of its own to join"):
        join_repository(tmp_path / "half", tmp_path / "out", command="", replace=False)
    join_repository(fitted, tmp_path / "joined", command="", replace=False)
    with pytest.raises(FailedPrecondition, match="joined has no embedder of its own to join"):
        join_repository(tmp_path / "joined", tmp_path / "out", command="", replace=False)
    with pytest.raises(InvalidArgument, match="joined exists"):
        join_repository(fitted, tmp_path / "joined", command="", replace=False)
    with pytest.raises(FailedPrecondition, match="joined has a joined model: start from the repository"):
        read_base(tmp_path / "joined")
    assert not (tmp_path / "out").exists()


def test_a_joined_model_beside_one_of_its_own_is_refused(tmp_path: Path, fitted: Path) -> None:
    """Nobody could tell which one is meant, and Triton would load both."""
    join_repository(fitted, tmp_path / "joined", command="", replace=False)
    shutil.copytree(fitted / "embedder", tmp_path / "joined/embedder")
    with pytest.raises(FailedPrecondition, match="has embedder_classifier beside an embedder or a classifier"):
        read_repository(tmp_path / "joined")


@pytest.mark.parametrize("place", [".", "joined", "..", "link"], ids=["same", "within", "around", "by a link"])
def test_the_two_models_are_never_replaced_by_the_joined_one(tmp_path: Path, fitted: Path, place: str) -> None:
    """It is written in their place only where nobody can want it: they would be gone."""
    source = tmp_path / "around/models"
    shutil.copytree(fitted, source)
    (source / "link").symlink_to(source)
    with pytest.raises(InvalidArgument, match="the same folder or one in the other"):
        join_repository(source, source / place, command="", replace=True)
    assert {model.info.name for model in read_repository(source)} == {EMBEDDER, CLASSIFIER}


def test_models_of_other_preprocessing_are_not_joined(tmp_path: Path, fitted: Path) -> None:
    """The classifier would see pictures that it was not fitted to, and gateways could not tell any more."""
    source = tmp_path / "models"
    shutil.copytree(fitted, source)
    config = source / "classifier/config.pbtxt"
    config.write_text(config.read_text().replace("resize-square-1", "center-crop-9"))
    with pytest.raises(FailedPrecondition, match="prepared by resize-square-1 and the classifier by center-crop-9"):
        join_repository(source, tmp_path / "joined", command="", replace=False)


@pytest.mark.parametrize("contents", [b"\xff" * 300, b""], ids=["garbage", "nothing"])
@pytest.mark.parametrize(
    "read", [read_base, lambda source: join_repository(source, source / "../out", command="", replace=False)]
)
def test_a_file_that_is_no_model_is_named(
    tmp_path: Path, fitted: Path, contents: bytes, read: Callable[[Path], object]
) -> None:
    """Its digest may be the one of the configuration all the same."""
    source = tmp_path / "models"
    shutil.copytree(fitted, source)
    file, config = source / "embedder/1/model.onnx", source / "embedder/config.pbtxt"
    was = hashlib.sha256(file.read_bytes()).hexdigest()
    file.write_bytes(contents)
    config.write_text(config.read_text().replace(was, hashlib.sha256(contents).hexdigest()))
    with pytest.raises(FailedPrecondition, match=r"embedder/1/model.onnx is no ONNX model"):
        read(source)


@pytest.mark.triton
async def test_a_client_finds_either_half(joined_triton: TritonProcess, tiny_repository: Path) -> None:
    """By its own name, with the answers of its own file; both come from one call."""
    client = TritonModels(joined_triton.command.target)
    two = {model.info.name: model.info for model in read_repository(tiny_repository)}
    pixels = pixels_of(photo(1))
    expected = {
        name: run_in_process(tiny_repository / name / "1/model.onnx", pixels) for name in (EMBEDDER, CLASSIFIER)
    }
    np.testing.assert_allclose(await client.embed(pixels, 5.0), expected[EMBEDDER], atol=1e-6)
    np.testing.assert_allclose(await client.classify(pixels, 5.0), expected[CLASSIFIER], atol=1e-6)
    both = await client.embed_and_classify(pixels, 5.0)
    for answer, name in zip(both, (EMBEDDER, CLASSIFIER), strict=True):
        np.testing.assert_allclose(answer, expected[name], atol=1e-6)
        described = await client.describe(name)
        assert described.joined
        assert (described.sha256, described.labels) == (two[name].sha256, two[name].labels)
    with pytest.raises(ModelUnavailable, match="model slow is not served"):
        await client.describe("slow")
    await client.close()


@pytest.mark.triton
async def test_two_models_are_not_asked_as_one(tiny_triton: TritonProcess) -> None:
    """A Triton that serves them apart is one to be stepped over, and no defect."""
    client = TritonModels(tiny_triton.command.target)
    with pytest.raises(ModelUnavailable, match="embedder_classifier is not served"):
        await client.embed_and_classify(pixels_of(photo(1)), 5.0)
    await client.close()


@pytest.mark.triton
async def test_a_gateway_answers_the_same_from_one_model(
    tmp_path: Path, tiny_triton: TritonProcess, joined_triton: TritonProcess
) -> None:
    """From the same snapshot: the same hits, the same view of the categories, and no second call."""
    snapshot = publish(tmp_path / "snapshots")
    answers: list[list[pb.SearchResponse]] = []
    for triton in (tiny_triton, joined_triton):
        async with cluster(tmp_path, snapshot, triton.command.target) as system:
            routings = [pb.Routing(policy=policy) for policy in (pb.POLICY_ADAPTIVE, pb.POLICY_ALL, pb.POLICY_BASELINE)]
            answers.append([await system.search(photo(seed), routing=r) for seed in range(3) for r in routings])
    for apart, joined in zip(*answers, strict=True):
        assert joined.hits
        assert [hit.image_id for hit in joined.hits] == [hit.image_id for hit in apart.hits]
        assert [category.category for category in joined.categories] == [each.category for each in apart.categories]
        assert {model.sha256 for model in joined.models} == {model.sha256 for model in apart.models}
        assert "classify" not in {timing.stage for timing in joined.timings}
    assert len(answers[1][0].categories) == len(IMAGES)


@pytest.mark.triton
async def test_a_gateway_takes_models_apart_and_joined_in_turns(
    tmp_path: Path, tiny_triton: TritonProcess, joined_triton: TritonProcess
) -> None:
    """While Tritons are restarted one by one with the joined model, they are the same models."""
    snapshot = publish(tmp_path / "snapshots")
    both = f"{tiny_triton.command.target},{joined_triton.command.target}"
    async with cluster(tmp_path, snapshot, both) as system:
        answers = [await system.search(photo(seed)) for seed in range(12)]
    assert all(answer.hits and answer.rung == pb.RUNG_FULL for answer in answers)
