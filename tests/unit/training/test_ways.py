"""Fine-tuning as a way, with a stand-in for what needs torch: a trained embedder is served where it finds more."""

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest

from services.common.errors import InvalidArgument
from services.datasets.labelled import read_dataset
from services.training.adapting import AdaptationRecipe, adapt
from services.training.base import linear, read_base
from services.training.fitted import Fitted, FittedModel
from services.training.head import Head
from services.training.measurements import EXACT
from services.training.preparing import prepare
from services.training.surgery import Linear, with_linear, with_unit_length
from services.training.ways import Made, Material, WayName, way_of
from tests.support.fitting import SIDE, write_base, write_shop


@pytest.fixture
def material(tmp_path: Path) -> Material:
    base = read_base(write_base(tmp_path / "base"))
    shop = read_dataset(write_shop(tmp_path / "shop"))
    ready = prepare(shop, base, {}, seed=1, work=tmp_path / "work", progress=lambda *_: None)
    head = Head(Linear(np.zeros((72, 4), np.float32), np.zeros(4, np.float32)), 0.1)
    return Material(ready.settled.data, ready.bank, base, head, tmp_path, keep_embedder=False)


def _made(material: Material, embedder: Path, monkeypatch: pytest.MonkeyPatch) -> Made:
    """Return what the way makes of a network that was trained to this embedder."""
    fitted = Fitted(FittedModel(material.base.file, SIDE, EXACT), FittedModel(embedder, SIDE, EXACT))
    stand_in = SimpleNamespace(fine_tune=lambda *_, **__: fitted)
    monkeypatch.setitem(sys.modules, "services.training.fine_tuning", stand_in)
    return way_of(WayName.FINE_TUNE, 1, {}).make(material, lambda _: None)


def test_an_embedder_that_finds_more_is_served(material: Material, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what the base finds is kept for the card."""
    better = adapt(material.data, material.bank, material.base.projection, AdaptationRecipe(), seed=1).projection
    assert better is not None
    graph = with_unit_length(with_linear(material.base.backbone, linear(better), "projected"))
    onnx.save(graph, str(material.folder / "better.onnx"))
    made = _made(material, material.folder / "better.onnx", monkeypatch)
    assert made.fitted.embedder is not None
    assert made.adaptation.why == "it was trained"
    assert made.adaptation.base is not None


def test_an_embedder_that_finds_no_more_is_not_served(material: Material, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither one that says what the base says, nor one that has two dimensions only."""
    cramped = Linear(np.random.default_rng(0).normal(size=(72, 2)).astype(np.float32), np.zeros(2, np.float32))
    spoilt = with_unit_length(with_linear(material.base.backbone, cramped, "projected"))
    onnx.save(spoilt, str(material.folder / "spoilt.onnx"))
    for file in (material.base.file, material.folder / "spoilt.onnx"):
        made = _made(material, file, monkeypatch)
        assert made.fitted.embedder is None
        assert "no more than the embedder as it is" in made.adaptation.why


def test_a_head_refuses_what_only_fine_tuning_can_be_told() -> None:
    """By the names that were typed."""
    with pytest.raises(InvalidArgument, match="a head has no --runs and --photos-per-epoch: leave that out"):
        way_of(WayName.HEAD, 1, {"runs": 2, "photos_per_epoch": 100})
