"""The benchmark's demo is the one that `make serve` may be serving: it is indexed anew only when it has changed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path, PurePosixPath

import pytest

from services.benchmarks.speed import measuring
from services.benchmarks.speed.measuring import Bench, measure_limit
from services.cli import demonstration
from services.cli.indexing import IndexJob, Publication
from services.cli.supervising.system import TritonAloneSettings
from services.common.errors import Internal
from services.datasets.labelled import GalleryImage, write_dataset
from tests.support import tiny_models
from tests.support.snapshots import publish_snapshot


async def test_a_demo_that_has_not_changed_is_not_published_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And it is indexed with the models and the Triton of the benchmark."""
    started, indexed = list[TritonAloneSettings](), list[IndexJob]()

    @asynccontextmanager
    async def no_triton(settings: TritonAloneSettings) -> AsyncIterator[str]:
        started.append(settings)
        yield "127.0.0.1:1"

    async def run_indexer(job: IndexJob, _: str) -> Publication:
        indexed.append(job)
        return Publication(publish_snapshot(Path(job.snapshot_root), {"bag": 3}).manifest.snapshot_id, 0.0)

    monkeypatch.setattr(demonstration, "running_triton", no_triton)
    monkeypatch.setattr(demonstration, "run_indexer", run_indexer)
    monkeypatch.setattr(demonstration.Demo, "prepare_dataset", lambda _: None)
    monkeypatch.setattr(measuring, "same_version", lambda _: "the same")
    tiny_models.write_model(tmp_path / "models", "embedder", tiny_models.embedder())
    (dataset := tmp_path / "demo" / "dataset").mkdir(parents=True)
    image = GalleryImage("i", "p", "Bag", "i.png")
    write_dataset(dataset, name="demo", image_root=PurePosixPath("."), catalogue=[image], photos={}, made_from={})
    bench = Bench(tmp_path, tmp_path / "demo", tmp_path / "models", tmp_path / "triton", 1, 1, 0.0)
    for _ in range(2):
        with pytest.raises(Internal, match="no photos to search with"):  # the demo is all that is looked at here
            await measure_limit(bench, lambda _: None)
    assert len(indexed) == 1
    assert [(each.model_repository, each.triton_environment) for each in started] == [
        (bench.models, tmp_path / "triton")
    ]
