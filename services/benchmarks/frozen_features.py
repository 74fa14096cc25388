"""Model repositories put together for comparison: ImageNet's features as an embedder, and models of two fits."""

import shutil
from pathlib import Path

import onnx

from services.models.golden import golden_picture
from services.photo.intake import PREPROCESSING
from services.training.base import EMBEDDER, read_base
from services.training.repository import EMBEDDER_SERVING, ModelEntry, write_entry
from services.training.sessions import run
from services.training.surgery import with_unit_length

_CARD = """# Embedder

EfficientNet-Lite0's pooled ImageNet features scaled to length 1, nothing fitted: the frozen embedder that the figures
of the quality benchmark are relative to. SHA-256 of `1/model.onnx`: `{sha256}`.
"""


def write_frozen_features(base: Path, repository: Path) -> None:
    """Write an embedder of frozen features, cut from the base's: no centring, no projection, 1280 numbers."""
    cut = read_base(base)
    repository.mkdir(parents=True, exist_ok=True)
    file = repository / "features.onnx"
    onnx.save(with_unit_length(cut.backbone), str(file))
    entry = ModelEntry(
        name=EMBEDDER,
        onnx=file,
        side=cut.side,
        output="embedding",
        golden=run(file, golden_picture(cut.side, cut.side)[None])[0],
        tolerance=5e-3,
        card=_CARD,
        parameters={"model_version": "lite0-frozen1280-1", "preprocessing": PREPROCESSING},
        serving=EMBEDDER_SERVING,
    )
    write_entry(repository, entry)
    file.unlink()


def compose(repository: Path, *, classifier: Path, embedder: Path) -> None:
    """Make a repository of one repository's classifier and another one's embedder."""
    for model, source in (("classifier", classifier), ("embedder", embedder)):
        shutil.copytree(source / model, repository / model, dirs_exist_ok=True)
