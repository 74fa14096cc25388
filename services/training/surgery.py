"""Cuts model graphs and sews on what was fitted: features out, a linear layer, softmax or unit length in. ONNX only.

Every function returns a new model and leaves its argument as it is. Models have one input and one output.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from services.common.errors import FailedPrecondition

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Linear:
    """x becomes x @ weight + bias; `weight` float32 [F, D], `bias` float32 [D]."""

    weight: Floats
    bias: Floats

    def __call__(self, features: Floats) -> Floats:
        """Map features [N, F]: float32 [N, D]."""
        return np.asarray(features @ self.weight + self.bias, np.float32)


def cut_features(model: ModelProto) -> tuple[ModelProto, Linear]:
    """Cut a model before its last linear layer.

    Returns:
        The model that answers with what that layer takes, `features` float32 [N, F]; and the layer.

    Raises:
        FailedPrecondition: there is no such layer, or its weights are not constants.
    """
    layers = [node for node in model.graph.node if node.op_type == "Gemm"]
    if not layers:
        raise FailedPrecondition("this model has no linear layer (Gemm) at its end; it can't be fitted anew")
    layer = layers[-1]
    options = {attribute.name: helper.get_attribute_value(attribute) for attribute in layer.attribute}
    weight, bias = (_constant(model, name) for name in layer.input[1:3])
    linear = Linear(weight.T if options.get("transB") else weight, bias)
    return _ending_at(model, layer.input[0], "features", linear.weight.shape[0]), linear


def with_linear(model: ModelProto, linear: Linear, output: str) -> ModelProto:
    """Sew on a linear layer: the answer [N, F] becomes `output` float32 [N, D]."""
    constants = {f"fit/{output}.weight": linear.weight, f"fit/{output}.bias": linear.bias}
    return _with_node(model, "Gemm", output, linear.weight.shape[1], constants)


def with_softmax(model: ModelProto, temperature: float) -> ModelProto:
    """Turn logits [N, C] into `probabilities` float32 [N, C]: softmax(logits / temperature)."""
    size = _size(model)
    scaled = _with_node(model, "Div", "fit/scaled", size, {"fit/temperature": np.array(temperature, np.float32)})
    return _with_node(scaled, "Softmax", "probabilities", size, axis=1)


def with_unit_length(model: ModelProto) -> ModelProto:
    """Scale the answers [N, D] to length 1: `embedding` float32 [N, D]."""
    return _with_node(model, "LpNormalization", "embedding", _size(model), axis=1, p=2)


def with_full_weights(model: ModelProto) -> ModelProto:
    """Replace weights that are stored as float16 and cast on loading by float32 ones, which quantisers look for."""
    full = _copy(model)
    halves = {tensor.name: tensor for tensor in full.graph.initializer if tensor.data_type == TensorProto.FLOAT16}
    casts = [node for node in full.graph.node if node.op_type == "Cast" and node.input[0] in halves]
    for cast in casts:
        half = halves[cast.input[0]]
        half.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(half).astype(np.float32), cast.output[0]))
        full.graph.node.remove(cast)
    return full


def _copy(model: ModelProto) -> ModelProto:
    copy = ModelProto()
    copy.CopyFrom(model)
    return copy


def _size(model: ModelProto) -> int:
    return int(model.graph.output[0].type.tensor_type.shape.dim[-1].dim_value)


def _with_node(
    model: ModelProto,
    operator: str,
    output: str,
    size: int,
    constants: dict[str, Floats] | None = None,
    **attributes: Any,
) -> ModelProto:
    """Put one more node between the model's answer and the outside: `output` float32 [N, size]."""
    longer = _copy(model)
    graph = longer.graph
    constants = constants or {}
    inputs = [graph.output[0].name, *constants]
    graph.initializer.extend(numpy_helper.from_array(np.ascontiguousarray(v), name) for name, v in constants.items())
    graph.node.append(helper.make_node(operator, inputs, [output], name=f"fit/{output}", **attributes))
    _set_output(longer, output, size)
    onnx.checker.check_model(longer)
    return longer


def _ending_at(model: ModelProto, tensor: str, output: str, size: int) -> ModelProto:
    """Return the model that answers with an inner tensor, without whatever that does not need."""
    shorter = _copy(model)
    graph = shorter.graph
    needed, kept = {tensor}, []
    for node in reversed(graph.node):
        if needed & set(node.output):
            needed |= set(node.input)
            kept.append(_renamed(node, tensor, output))
    del graph.node[:]
    graph.node.extend(reversed(kept))
    constants = [constant for constant in graph.initializer if constant.name in needed]
    del graph.initializer[:]
    graph.initializer.extend(constants)
    del graph.value_info[:]
    _set_output(shorter, output, size)
    onnx.checker.check_model(shorter)
    return shorter


def _renamed(node: NodeProto, tensor: str, output: str) -> NodeProto:
    for names in (node.input, node.output):
        for place, name in enumerate(names):
            if name == tensor:
                names[place] = output
    return node


def _set_output(model: ModelProto, name: str, size: int) -> None:
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", size]))


def _constant(model: ModelProto, name: str) -> Floats:
    """Return a weight, which may be stored as float16 and cast."""
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    casts = {node.output[0]: node.input[0] for node in model.graph.node if node.op_type == "Cast"}
    tensor = constants.get(casts.get(name, name))
    if tensor is None:
        raise FailedPrecondition(f"the last linear layer's {name} is no constant; this model can't be fitted anew")
    return np.asarray(numpy_helper.to_array(tensor), np.float32)
