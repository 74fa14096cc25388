"""`make serve` serves what there is, and indexes only what has changed."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path, PurePosixPath

import pytest

from services.cli import demonstration
from services.cli.__main__ import main
from services.cli.demonstration import Demo
from services.cli.exit_codes import ExitCode
from services.cli.indexing import IndexJob, Publication
from services.cli.input_digest import digest_of_inputs
from services.cli.supervising.state import owned
from services.cli.supervising.system import TritonAloneSettings
from services.datasets.labelled import GalleryImage, write_dataset
from services.snapshot.store import SnapshotStore
from tests.support import tiny_models
from tests.support.snapshots import publish_snapshot


@asynccontextmanager
async def _no_triton(_: object) -> AsyncIterator[str]:
    yield "127.0.0.1:1"


def _write_dataset(folder: Path, product: str = "p") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    image = GalleryImage("i", product, "Bag", "i.png")
    write_dataset(folder, name="demo", image_root=PurePosixPath("."), catalogue=[image], photos={}, made_from={})


def _published(job: IndexJob, images: int) -> Publication:
    publish_snapshot(Path(job.snapshot_root), {"bag": images})
    return Publication(SnapshotStore(job.snapshot_root).current_id(), 0.0)


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> list[IndexJob]:
    """What was indexed, by an indexer that publishes random vectors."""
    jobs = list[IndexJob]()

    async def run_indexer(job: IndexJob, _: str) -> Publication:
        jobs.append(job)
        return _published(job, images=3 + len(jobs))

    monkeypatch.setattr(demonstration, "running_triton", _no_triton)
    monkeypatch.setattr(demonstration, "run_indexer", run_indexer)
    return jobs


async def test_only_what_changed_is_indexed(tmp_path: Path, builds: list[IndexJob]) -> None:
    """At first, when the dataset is another one, and when nothing is current; what was added since stays current."""
    demo = Demo(tmp_path, products=1, queries=1)
    for number, product in ((1, "p"), (2, "q")):
        _write_dataset(tmp_path / "dataset", product)
        for _ in range(2):
            await demo.index_what_changed()
            assert len(builds) == number
    publish_snapshot(Path(demo.snapshot_root), {"bag": 9})  # by somebody else
    added = SnapshotStore(demo.snapshot_root).current_id()
    await demo.index_what_changed()
    assert (len(builds), SnapshotStore(demo.snapshot_root).current_id()) == (2, added)
    (Path(demo.snapshot_root) / "CURRENT").unlink()
    await demo.index_what_changed()
    assert len(builds) == 3


async def test_what_is_replaced_while_it_is_indexed_is_indexed_again(
    tmp_path: Path, builds: list[IndexJob], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The snapshot is of what was there before; nobody can tell how much of the new was read."""

    async def replaced_meanwhile(job: IndexJob, _: str) -> Publication:
        builds.append(job)
        _write_dataset(tmp_path / "dataset", "q")
        return _published(job, images=3 + len(builds))

    monkeypatch.setattr(demonstration, "run_indexer", replaced_meanwhile)
    _write_dataset(tmp_path / "dataset", "p")
    demo = Demo(tmp_path, products=1, queries=1)
    for number in (1, 2, 2):
        await demo.index_what_changed()
        assert len(builds) == number


async def test_the_models_and_the_triton_are_those_that_were_named(
    tmp_path: Path, builds: list[IndexJob], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their change is a change of the demo's input, and no other's is."""
    started = list[TritonAloneSettings]()

    def triton(settings: TritonAloneSettings) -> AbstractAsyncContextManager[str]:
        started.append(settings)
        return _no_triton(settings)

    monkeypatch.setattr(demonstration, "running_triton", triton)
    _write_dataset(tmp_path / "dataset")
    models = tmp_path / "models"
    tiny_models.write_model(models, "embedder", tiny_models.embedder())
    environment = tmp_path / "triton-environment"
    demo = Demo(tmp_path, products=1, queries=1, model_repository=models, triton_environment=environment)
    await demo.index_what_changed()
    tiny_models.write_model(models, "classifier", tiny_models.classifier())
    await demo.index_what_changed()
    assert len(builds) == 2
    assert {(each.model_repository, each.triton_environment) for each in started} == {(models, environment)}


def test_another_model_is_another_input(tmp_path: Path) -> None:
    """Whichever of the two it is."""
    _write_dataset(tmp_path / "dataset")
    models = tmp_path / "models"
    tiny_models.write_model(models, "embedder", tiny_models.embedder())
    before = digest_of_inputs(tmp_path / "dataset", models)
    assert digest_of_inputs(tmp_path / "dataset", models) == before
    tiny_models.write_model(models, "classifier", tiny_models.classifier())
    assert digest_of_inputs(tmp_path / "dataset", models) != before


def test_serving_twice_is_refused_before_anything_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The system that runs must not notice: nothing is prepared or published."""
    monkeypatch.chdir(tmp_path)
    with owned(tmp_path / "build" / "run"):
        assert main(["demo", "--serve", "--port", "0"]) == ExitCode.FAILED
    assert "a system already runs from build/run" in capsys.readouterr().err
    assert not (tmp_path / "build" / "demo").exists()
