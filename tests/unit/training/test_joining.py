"""Joining two graphs: one model that says what the two say, and computes what they share once."""

from collections import Counter

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray

from services.common.errors import FailedPrecondition
from services.training.joining import join
from services.training.surgery import Linear, cut_features, with_linear, with_softmax
from tests.support.fitting import SIDE, tiny_backbone

PIXELS = np.random.default_rng(1).integers(0, 256, (5, SIDE, SIDE, 3), dtype=np.uint8)
HEAD = Linear(np.random.default_rng(2).normal(size=(72, 7)).astype(np.float32), np.arange(7, dtype=np.float32))


def classifier() -> onnx.ModelProto:
    """A head on the tiny embedder's own features."""
    return with_softmax(with_linear(cut_features(tiny_backbone())[0], HEAD, "logits"), 1.5)


def run(model: onnx.ModelProto) -> dict[str, NDArray[np.float32]]:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"pixels": PIXELS}), strict=True))


def under_other_names(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same model as another export might have named it, with its constants in another order."""
    other = onnx.ModelProto()
    other.CopyFrom(model)
    kept = {output.name for output in model.graph.output}
    for node in other.graph.node:
        node.name = f"other/{node.name}"
        for tensors in (node.input, node.output):
            tensors[:] = [name if name in kept or not name else f"other/{name}" for name in tensors]
    other.graph.input[0].name = "other/pixels"
    for constant in other.graph.initializer:
        constant.name = f"other/{constant.name}"
    constants = list(other.graph.initializer)[::-1]
    del other.graph.initializer[:]
    other.graph.initializer.extend(constants)
    return other


@pytest.mark.parametrize("change", [lambda model: model, under_other_names], ids=["own names", "other names"])
def test_one_model_says_what_two_say(change: object) -> None:
    """Bit for bit; the only convolution is computed once, and its weights are stored once."""
    assert callable(change)
    embedder, head = tiny_backbone(), classifier()
    whole = join(embedder, change(head))
    answers, expected = run(whole), {**run(embedder), **run(head)}
    assert list(answers) == ["embedding", "probabilities"]
    for name, answer in answers.items():
        np.testing.assert_array_equal(answer, expected[name])
    operators = Counter(node.op_type for node in whole.graph.node)
    assert (operators["Conv"], operators["Gemm"], operators["Softmax"]) == (1, 2, 1)
    assert len(whole.graph.initializer) == len(embedder.graph.initializer) + 3  # weight, bias, temperature


def test_the_embedders_part_is_as_it_was() -> None:
    """Node by node, which is why its vectors stay in its space; and neither argument is changed."""
    embedder, head = tiny_backbone(), classifier()
    before = [model.SerializeToString(deterministic=True) for model in (embedder, head)]
    whole = join(embedder, head)
    assert list(whole.graph.node)[: len(embedder.graph.node)] == list(embedder.graph.node)
    assert [model.SerializeToString(deterministic=True) for model in (embedder, head)] == before


def test_names_that_only_look_alike_are_told_apart() -> None:
    """A head whose weights have the names of the embedder's is no reason to take those."""
    embedder, head = tiny_backbone(), classifier()
    for old, new in (("fit/logits.weight", "weight"), ("fit/logits.bias", "bias")):
        (constant,) = (each for each in head.graph.initializer if each.name == old)
        constant.name = new
        for node in head.graph.node:
            node.input[:] = [new if name == old else name for name in node.input]
    np.testing.assert_array_equal(run(join(embedder, head))["probabilities"], run(head)["probabilities"])


def test_a_classifier_with_a_network_of_its_own_is_refused() -> None:
    """Nothing would be saved; the message says how to get one that shares."""
    other = classifier()
    (kernel,) = (each for each in other.graph.initializer if each.name == "kernel")
    kernel.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(kernel) * np.float32(1.01), "kernel"))
    with pytest.raises(FailedPrecondition, match=r"1 convolutions that the embedder lacks.*aisle fit head"):
        join(tiny_backbone(), other)


def test_models_of_other_pixels_or_operators_are_refused() -> None:
    """They could not be asked with one picture, or not be one file."""
    other = classifier()
    other.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 12
    with pytest.raises(FailedPrecondition, match="16 x 16 pixels and the classifier 12 x 16"):
        join(tiny_backbone(), other)
    other = classifier()
    other.opset_import[0].version = 18
    with pytest.raises(FailedPrecondition, match=r"operator sets, \[\('', 17\)\] and \[\('', 18\)\]"):
        join(tiny_backbone(), other)
