"""What a file's answers are worth, and networks for pictures of another size."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

from services.benchmarks.inference.curve import judged
from services.benchmarks.inference.subjects import resized
from services.benchmarks.inference.variants import Found
from services.training.fitted import TrainingData
from services.training.gathering import Pictures


def _data(products: list[str]) -> TrainingData:
    def table(names: list[str], categories: list[str]) -> Pictures:
        return Pictures([Path(name) for name in names], categories, names)

    val = Pictures([Path("a"), Path("b"), Path("c")], ["Bag", "Hat", "Hat"], products)
    return TrainingData(table([], []), val, table(["bag", "hat"], ["Bag", "Hat"]), ["Bag", "Hat"])


def test_answers_are_judged_by_hand(tmp_path: Path) -> None:
    """Two of three categories are right; of the two photos with a product, one finds it first."""
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0, 1], [0, 1]], np.float32)
    embedding = np.array([[1, 0], [0.8, 0.6], [0, 1], [1, 0], [0, 1]], np.float32)
    np.savez(tmp_path / "both.npz", probabilities=probabilities, embedding=embedding)
    assert judged(tmp_path / "both.npz", _data(["bag", "hat", ""])) == Found(2 / 3, 0.5)
    assert judged(tmp_path / "both.npz", _data(["", "", ""])) == Found(2 / 3, None)
    np.savez(tmp_path / "one.npz", probabilities=probabilities)
    assert judged(tmp_path / "one.npz", _data(["bag", "hat", ""])) == Found(2 / 3, None)


def test_a_network_takes_pictures_of_another_size() -> None:
    """It is the same otherwise, and the one that it was made from stays as it is."""
    nodes = [
        helper.make_node("Cast", ["pixels"], ["levels"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["levels"], ["features"], axes=[1, 2], keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "mean",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["batch", 8, 8, 3])],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", 3])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    before = model.SerializeToString(deterministic=True)
    session = onnxruntime.InferenceSession(resized(model, 6).SerializeToString(), providers=["CPUExecutionProvider"])
    picture = np.arange(108, dtype=np.uint8).reshape(1, 6, 6, 3)
    np.testing.assert_allclose(session.run(None, {"pixels": picture})[0], picture.mean(axis=(1, 2)), rtol=1e-6)
    assert model.SerializeToString(deterministic=True) == before
    onnx.checker.check_model(model)
