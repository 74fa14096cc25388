"""Writes one entry of the model repository: model, config.pbtxt, known answer and model card, in one step."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.common.replacing import replaced_in_one_step
from services.models.golden import GOLDEN_PICTURE

RECORD = "fit.json"
CARD = "MODEL_CARD.md"
_WARMUP_BATCHES = (1, 8)


@dataclass(frozen=True)
class Serving:
    """How Triton is to serve a model on CPUs; each queue is bounded in length and in time."""

    max_batch_size: int = 8
    """Larger batches win nothing on a CPU; requests share one only when they had to wait anyway."""
    instances: int = 2
    """Copies of the model, each with `threads_per_instance` threads. Not one: with queues that end in time, Triton's
    batcher can miss that its only instance is free, and sleeps on for half a second (one in 300 requests here, none of
    12,000 with two; a kindred fault is Triton's issue 8870)."""
    threads_per_instance: int = 1
    """With several instances, one thread each does not fight over cores."""
    preferred_batch_size: int | None = None
    """Requests that are run together although more are waiting; None for as many as may be."""
    queue_size: int = 64
    """Requests waiting, beyond which Triton refuses at once."""
    queue_timeout_us: int = 1_000_000
    """Microseconds after which a waiting request is refused, unless the request itself asks for less."""


EMBEDDER_SERVING = Serving(preferred_batch_size=1)
"""Two photos in one batch of the slower model leave the second core without work: one by one, the embedder answers 6
to 12 % more photos where it is alone, and some percent more beside the classifier (docs/benchmarks, "Batches and
instances"). A request of several pictures, as the indexer sends, is one all the same."""


@dataclass(frozen=True)
class ModelEntry:
    """What is known about a trained model.

    `parameters` are what clients read from Triton's ModelConfig (`model_version`, `preprocessing`, `labels`);
    the file's `sha256` and what ONNX Runtime is told are added. `record` is kept beside the card as `fit.json`, unless
    it is empty.
    """

    name: str
    onnx: Path
    side: int
    output: str
    golden: NDArray[np.float32]
    tolerance: float
    card: str
    parameters: dict[str, str]
    serving: Serving = field(default_factory=Serving)
    record: str = ""


def write_entry(repository: Path, entry: ModelEntry) -> Path:
    """Write `repository`/`entry.name`, replacing an older entry as a whole, and return its path.

    `{sha256}` in the card becomes the model file's digest.
    """
    repository = repository.resolve()
    repository.mkdir(parents=True, exist_ok=True)
    target = repository / entry.name
    # Beside the repository, not in it: a running Triton must not find a model with a half-written folder.
    with replaced_in_one_step(target, beside=repository.parent) as fresh:
        (fresh / "1").mkdir()
        shutil.copyfile(entry.onnx, fresh / "1" / "model.onnx")
        digest = hashlib.sha256(entry.onnx.read_bytes()).hexdigest()
        outputs, parameters = {entry.output: entry.golden.size}, {"sha256": digest, **entry.parameters}
        text = config(entry.name, entry.side, outputs, parameters, entry.serving)
        (fresh / "config.pbtxt").write_text(text, encoding="utf-8")
        (fresh / "golden.json").write_text(golden(entry), encoding="utf-8")
        (fresh / CARD).write_text(entry.card.replace("{sha256}", digest), encoding="utf-8")
        if entry.record:
            (fresh / RECORD).write_text(entry.record, encoding="utf-8")
    return target


def golden(entry: ModelEntry) -> str:
    """Return golden.json: the known answer to the known picture, and how far off (absolute) an answer may be."""
    output = [round(float(value), 7) for value in entry.golden.ravel()]
    return json.dumps({"picture": GOLDEN_PICTURE, "output": output, "tolerance": entry.tolerance}, indent=1) + "\n"


def config(
    name: str, side: int, outputs: Mapping[str, int], parameters: Mapping[str, str], serving: Serving | None = None
) -> str:
    """Return config.pbtxt, valid for Triton's own onnxruntime backend as well as for the Python-based one.

    Args:
        name: of the model.
        side: of its input, pixels.
        outputs: numbers per picture of each of its outputs.
        parameters: what clients read from it; what ONNX Runtime is told is added.
        serving: how it is served.
    """
    serving = serving or Serving()
    runtime = {
        "intra_op_thread_count": str(serving.threads_per_instance),
        "inter_op_thread_count": "1",
        # A pattern keeps a block of its own for each size of batch, up to 16 MB that are taken when one comes for the
        # second time: memory would grow for hours. Without patterns all sizes share what the largest needs.
        "enable_mem_pattern": "0",
    }
    stated = "".join(
        f"parameters {{\n  key: {_text(key)}\n  value {{ string_value: {_text(value)} }}\n}}\n"
        for key, value in {**parameters, **runtime}.items()
    )
    dims = f"[ {side}, {side}, 3 ]"
    answers = "".join(
        f"""output {{
  name: {_text(output)}
  data_type: TYPE_FP32
  dims: [ {size} ]
}}
"""
        for output, size in outputs.items()
    )
    size = serving.preferred_batch_size
    preferred = f"  preferred_batch_size: [ {size} ]\n" if size else ""
    warmup = "".join(
        f"""model_warmup {{
  name: "batch of {batch}"
  batch_size: {batch}
  inputs {{ key: "pixels" value {{ data_type: TYPE_UINT8 dims: {dims} random_data: true }} }}
}}
"""
        for batch in _WARMUP_BATCHES
        if batch <= serving.max_batch_size
    )
    return f"""# Written by services.training; do not edit: change the code and write it anew.
name: {_text(name)}
backend: "onnxruntime"
max_batch_size: {serving.max_batch_size}
version_policy {{ latest {{ num_versions: 1 }} }}
input {{
  name: "pixels"
  data_type: TYPE_UINT8
  dims: {dims}
}}
{answers}instance_group {{
  kind: KIND_CPU
  count: {serving.instances}
}}
dynamic_batching {{
{preferred}  default_queue_policy {{
    timeout_action: REJECT
    default_timeout_microseconds: {serving.queue_timeout_us}
    allow_timeout_override: true
    max_queue_size: {serving.queue_size}
  }}
}}
{warmup}{stated}"""


def _text(value: str) -> str:
    """Quote a string for a protobuf text file, whose escapes are those of JSON as far as ASCII goes."""
    return json.dumps(value)
