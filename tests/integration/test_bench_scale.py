"""The benchmark of scale on a gallery that fits a test: its searcher is a real process, its calls are real ones."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from services.benchmarks.gallery import Shape
from services.benchmarks.scale.building import Built, built
from services.benchmarks.scale.memory import resident
from services.benchmarks.scale.one_shard import FILTERS, _photos, _recalls, _side_by_side, usual_shard
from services.benchmarks.scale.photos import ServedModels
from services.benchmarks.scale.shard_calls import running_searcher
from services.benchmarks.scale.shop import Photos, shop_of
from services.common.errors import Internal
from services.models.metadata import ModelInfo

DIMENSION = 64
MODEL = ModelInfo("embedder", "embedder-1", "e" * 64, "resize-square-1", 8, 8, DIMENSION, 8)
MODELS = ServedModels(Path("models"), MODEL, replace(MODEL, name="classifier", sha256="c" * 64))
NO_PHOTOS = Photos([], [], np.zeros(0, np.bool_), np.zeros((0, DIMENSION), np.float32), np.zeros((0, 32), np.float32))


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Eight thousand pictures in two categories, the larger one with approximate codes."""
    shop = shop_of(Shape(images=8_000, products=120, categories=2), 20, NO_PHOTOS, ())
    return built(tmp_path_factory.mktemp("gallery"), shop, NO_PHOTOS, MODELS, lambda _: None)


async def test_a_searcher_finds_in_its_process_what_the_same_index_finds_in_ours(
    gallery: Built, tmp_path: Path
) -> None:
    """What an approximate index finds is nearly what an exact search does, whatever a filter passes."""
    usual = usual_shard(gallery.manifest)
    photos = _photos(gallery, usual, 20)
    assert usual.index_factory == "PQ32x4fs,RFlat"

    async with running_searcher(tmp_path, gallery.root, gallery.manifest, (usual.slug,)) as calls:
        remote, direct = await _side_by_side(calls, gallery, usual, photos)
        recalls = await _recalls(calls, usual.slug, photos)

    assert set(recalls) == set(FILTERS)
    assert min(recalls.values()) >= 0.95
    assert 0 < direct.p50 < remote.p50
    assert calls.ready_seconds > 0


async def test_a_searcher_that_does_not_start_says_why(gallery: Built, tmp_path: Path) -> None:
    """Its own words, not those of a call that fails later."""
    with pytest.raises(Internal, match=r"no shard '?hats"):
        async with running_searcher(tmp_path, gallery.root, gallery.manifest, ("hats",)):
            pass


def test_memory_of_this_process_is_what_the_kernel_says() -> None:
    """Shared pages count once in all."""
    mine = resident([os.getpid()])
    assert 1_000_000 < mine.pss <= mine.rss
