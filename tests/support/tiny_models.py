"""Tiny model repositories for tests of Triton: models of a few kilobytes that keep every contract of the real ones."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from services.models.golden import GOLDEN_PICTURE, golden_picture

SIDE = 8
DIMENSION = 16
LABELS = ("bag", "coat", "dress", "shirt", "shoe")

Weights = Mapping[str, NDArray[np.generic]]


def embedder(sign: float = 1.0) -> bytes:
    """Pixels times a fixed matrix, L2-normalised: (n, 8, 8, 3) to (n, 16); with another sign, another embedder."""
    nodes = [*_project(), _node("ReduceL2", "e axis", "length", keepdims=1), _node("Div", "e length", "embedding")]
    return _model(nodes, "embedding", DIMENSION, {"w": _matrix(DIMENSION) * np.float32(sign), "axis": np.array([1])})


def classifier(sign: float = 1.0) -> bytes:
    """Pixels times a fixed matrix, softmax: (n, 8, 8, 3) to (n, 5); with another sign, another classifier."""
    nodes = [*_project(), _node("Softmax", "e", "probabilities", axis=1)]
    return _model(nodes, "probabilities", len(LABELS), {"w": _matrix(len(LABELS)) * np.float32(0.001 * sign)})


def slow() -> bytes:
    """Answers with the mean pixel, after some tenths of a second of useless work: longer than its tests sleep."""
    body = helper.make_graph(
        [_node("Identity", "go", "go_on"), _node("MatMul", "m big", "m_next")],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("m", TensorProto.FLOAT, [768, 768]),
        ],
        [
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("m_next", TensorProto.FLOAT, [768, 768]),
        ],
    )
    nodes = [
        helper.make_node("Loop", ["rounds", "", "big"], ["useless"], body=body),
        _node("ReduceMin", "useless", "zero", keepdims=0),
        *_project(),
        _node("Add", "e zero", "answer"),
    ]
    weights = {"big": np.zeros((768, 768), np.float32), "rounds": np.array(120), "w": _mean()}
    return _model(nodes, "answer", 1, weights)


def fragile() -> bytes:
    """Looks its first pixel up in a table of four and fails for any other: (n, 8, 8, 3) to (n, 1)."""
    nodes = [*_project(), _node("Cast", "e", "index", to=TensorProto.INT64), _node("Gather", "table index", "answer")]
    return _model(nodes, "answer", 1, {"w": np.eye(SIDE * SIDE * 3, 1), "table": np.arange(1, 5, dtype=np.float32)})


def run_in_process(model: Path | bytes, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The oracle: what ONNX Runtime says without Triton."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    source = model if isinstance(model, bytes) else str(model)
    session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    (output,) = session.run(None, {"pixels": pixels})
    return np.asarray(output, dtype=np.float32)


def write_model(
    repository: Path,
    name: str,
    model: bytes,
    *,
    labels: Sequence[str] = (),
    instances: int = 2,
    max_queue_size: int = 64,
    queue_delay_microseconds: int = 0,
) -> Path:
    """Write one model with its configuration and golden answer, and return its folder."""
    folder = repository / name
    (folder / "1").mkdir(parents=True)
    (folder / "1" / "model.onnx").write_bytes(model)
    golden = run_in_process(model, golden_picture(SIDE, SIDE)[np.newaxis])
    (folder / "golden.json").write_text(
        json.dumps({"picture": GOLDEN_PICTURE, "output": golden[0].tolist(), "tolerance": 1e-4})
    )
    (folder / "MODEL_CARD.md").write_text(f"# Tiny {name}\n")
    output = onnx.load_model_from_string(model).graph.output[0]
    parameters = {
        "sha256": hashlib.sha256(model).hexdigest(),
        "model_version": f"tiny-{name}-1",
        "preprocessing": "resize-square-1",
        "intra_op_thread_count": "1",
        **({"labels": json.dumps(list(labels))} if labels else {}),
    }
    stated = "\n".join(
        f"parameters {{ key: {json.dumps(key)} value {{ string_value: {json.dumps(value)} }} }}"
        for key, value in parameters.items()
    )
    (folder / "config.pbtxt").write_text(f"""
        name: "{name}"
        backend: "onnxruntime"
        max_batch_size: 8
        input {{ name: "pixels" data_type: TYPE_UINT8 dims: [ {SIDE}, {SIDE}, 3 ] }}
        output {{ name: "{output.name}" data_type: TYPE_FP32 dims: [ {golden.shape[1]} ] }}
        instance_group {{ kind: KIND_CPU count: {instances} }}
        dynamic_batching {{
            max_queue_delay_microseconds: {queue_delay_microseconds}
            default_queue_policy {{
                timeout_action: REJECT
                default_timeout_microseconds: 5000000
                allow_timeout_override: true
                max_queue_size: {max_queue_size}
            }}
        }}
        {stated}
    """)
    return folder


def _node(operator: str, inputs: str, output: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(operator, inputs.split(), [output], **attributes)


def _project() -> list[onnx.NodeProto]:
    return [
        _node("Cast", "pixels", "f", to=TensorProto.FLOAT),
        _node("Flatten", "f", "flat", axis=1),
        _node("MatMul", "flat w", "e"),
    ]


def _matrix(columns: int) -> NDArray[np.float32]:
    return np.random.default_rng(7).normal(size=(SIDE * SIDE * 3, columns)).astype(np.float32)


def _mean() -> NDArray[np.float32]:
    return np.full((SIDE * SIDE * 3, 1), 1 / (SIDE * SIDE * 3), np.float32)


def _model(nodes: list[onnx.NodeProto], output: str, size: int, weights: Weights) -> bytes:
    floats = {name: array.astype(np.float32) if array.dtype == np.float64 else array for name, array in weights.items()}
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["n", SIDE, SIDE, 3])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n", size])],
        [numpy_helper.from_array(array, name) for name, array in floats.items()],
    )
    # A format and an operator set that Triton's onnxruntime reads, whatever the installed onnx would write.
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    return bytes(model.SerializeToString())
