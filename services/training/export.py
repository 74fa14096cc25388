"""From a torch module to a small ONNX file that is proven to say the same as the module."""

import tempfile
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from torch import nn

from services.training.measurements import Parity
from services.training.sessions import compare, run

_OPSET = 17  # what Triton 2.51's C++ onnxruntime backend surely reads
_IR_VERSION = 9
_LEAST_HALVED = 4096  # elements; smaller tensors stay float32: they save nothing, and the stem's are tiny numbers


def export(module: nn.Module, side: int, output: str, path: Path) -> None:
    """Write the module as ONNX: input `pixels` uint8 [N, side, side, 3], `output` float32 [N, D], N dynamic.

    Constants are folded, and so are batch normalisation and padding into the convolutions. Weights are stored
    as float16 and cast to float32 by nodes that ONNX Runtime evaluates once, when it loads the file: half the
    size on disk, float32 arithmetic and speed.
    """
    with tempfile.TemporaryDirectory() as folder:
        traced, folded = Path(folder, "traced.onnx"), Path(folder, "folded.onnx")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the tracing exporter announces its successor, which needs onnxscript
            torch.onnx.export(
                module.eval(),
                (torch.zeros(1, side, side, 3, dtype=torch.uint8),),
                str(traced),
                input_names=["pixels"],
                output_names=[output],
                dynamic_axes={"pixels": {0: "batch"}, output: {0: "batch"}},
                opset_version=_OPSET,
                dynamo=False,
            )
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(folded)
        onnxruntime.InferenceSession(str(traced), options, providers=["CPUExecutionProvider"])
        model = onnx.load(str(folded))
    _halve_weights(model)
    model.ir_version = _IR_VERSION
    # ONNX Runtime notes the operator sets it could have used; only the standard one is used.
    standard = [opset for opset in model.opset_import if opset.domain == ""]
    del model.opset_import[:]
    model.opset_import.extend(standard)
    onnx.checker.check_model(model, full_check=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(path))


def _halve_weights(model: onnx.ModelProto) -> None:
    """Store large float32 initialisers as float16, each followed by a cast back."""
    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT and np.prod(tensor.dims) >= _LEAST_HALVED:
            name = tensor.name
            half = numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), f"{name}_half")
            tensor.CopyFrom(half)
            casts.append(helper.make_node("Cast", [half.name], [name], to=onnx.TensorProto.FLOAT, name=f"{name}_cast"))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def check_parity(
    module: nn.Module, path: Path, pixels: NDArray[np.uint8], *, least_cosine: float, largest_difference: float
) -> Parity:
    """Compare file and module on pictures uint8 [N, H, W, 3].

    Raises:
        ModelOutputInvalid: an output is farther off than allowed.
    """
    with torch.inference_mode():
        expected = module.eval()(torch.from_numpy(pixels)).numpy()
    return compare(
        expected, run(path, pixels), str(path), least_cosine=least_cosine, largest_difference=largest_difference
    )
