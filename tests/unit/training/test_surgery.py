"""Graph surgery: what ONNX Runtime says of a sewn graph is what numpy says."""

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from services.common.errors import FailedPrecondition
from services.training.calibration import softmax
from services.training.surgery import (
    Linear,
    cut_features,
    with_full_weights,
    with_linear,
    with_softmax,
    with_unit_length,
)
from tests.support.fitting import DIMENSION, SIDE, tiny_backbone

PIXELS = np.random.default_rng(1).integers(0, 256, (5, SIDE, SIDE, 3), dtype=np.uint8)
LINEAR = Linear(np.random.default_rng(2).normal(size=(72, 7)).astype(np.float32), np.arange(7, dtype=np.float32))


def _run(model: onnx.ModelProto) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"pixels": PIXELS})[0])


def test_cut_and_sewn_together_again_it_says_the_same() -> None:
    """Features, the layer that was cut off, and unit length are the whole."""
    whole = tiny_backbone()
    features, layer = cut_features(whole)
    assert features.graph.output[0].name == "features"
    assert "weight" not in {constant.name for constant in features.graph.initializer}
    np.testing.assert_allclose(_run(with_unit_length(with_linear(features, layer, "again"))), _run(whole), atol=1e-5)
    assert layer.weight.shape == (72, DIMENSION)


def test_a_linear_layer_is_a_matrix_product() -> None:
    """And so is its oracle."""
    features, _ = cut_features(tiny_backbone())
    expected = _run(features) @ LINEAR.weight + LINEAR.bias
    np.testing.assert_allclose(_run(with_linear(features, LINEAR, "logits")), expected, rtol=1e-4, atol=1e-4)


def test_softmax_has_its_temperature() -> None:
    """softmax(logits / T), as numpy says it."""
    logits = with_linear(cut_features(tiny_backbone())[0], LINEAR, "logits")
    served = with_softmax(logits, 1.7)
    assert [output.name for output in served.graph.output] == ["probabilities"]
    np.testing.assert_allclose(_run(served), softmax(_run(logits).astype(np.float64), 1.7), atol=1e-6)


def test_surgery_leaves_the_patient_as_it_was() -> None:
    """Each function returns a new model."""
    model = tiny_backbone()
    before = model.SerializeToString(deterministic=True)
    features, _ = cut_features(model)
    with_softmax(with_linear(features, LINEAR, "logits"), 2.0)
    with_full_weights(model)
    assert model.SerializeToString(deterministic=True) == before


def test_halved_weights_are_found_and_restored() -> None:
    """A layer whose weight is stored as float16 is read, and made whole for a quantiser."""
    model = tiny_backbone()
    (weight,) = (constant for constant in model.graph.initializer if constant.name == "weight")
    half = numpy_helper.from_array(numpy_helper.to_array(weight).astype(np.float16), "weight_half")
    weight.CopyFrom(half)
    model.graph.node.insert(0, helper.make_node("Cast", ["weight_half"], ["weight"], to=TensorProto.FLOAT))
    _, layer = cut_features(model)
    np.testing.assert_array_equal(layer.weight, numpy_helper.to_array(half).astype(np.float32))
    full = with_full_weights(model)
    assert {constant.data_type for constant in full.graph.initializer} == {TensorProto.FLOAT}
    np.testing.assert_array_equal(_run(full), _run(model))


def test_a_model_without_a_linear_layer_is_refused() -> None:
    """The message says what is missing."""
    features, _ = cut_features(tiny_backbone())
    with pytest.raises(FailedPrecondition, match="no linear layer"):
        cut_features(features)
