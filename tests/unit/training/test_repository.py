"""Entries of the model repository: complete, in agreement with the file, and never half-written."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from services.training.repository import ModelEntry, Serving, config, write_entry


def _entry(folder: Path, contents: bytes = b"graph", **changes: object) -> ModelEntry:
    (folder / "made.onnx").write_bytes(contents)
    facts: dict[str, object] = {
        "name": "classifier",
        "onnx": folder / "made.onnx",
        "side": 144,
        "output": "probabilities",
        "golden": np.array([0.25, 0.75], np.float32),
        "tolerance": 0.01,
        "card": "# Card\n{sha256}\n",
        "parameters": {"model_version": "one", "labels": json.dumps(['Ankle "boot"', "Bag"])},
    }
    return ModelEntry(**{**facts, **changes})  # type: ignore[arg-type]


def test_entry_has_all_files_and_the_models_digest(tmp_path: Path) -> None:
    """Config and card carry the SHA-256 of the very file beside them."""
    target = write_entry(tmp_path / "repository", _entry(tmp_path))
    digest = hashlib.sha256(b"graph").hexdigest()
    assert (target / "1/model.onnx").read_bytes() == b"graph"
    assert digest in (target / "config.pbtxt").read_text()
    assert (target / "MODEL_CARD.md").read_text() == f"# Card\n{digest}\n"
    assert json.loads((target / "golden.json").read_text()) == {
        "picture": "golden-1",
        "output": [0.25, 0.75],
        "tolerance": 0.01,
    }


def test_config_is_what_triton_parses() -> None:
    """Triton's own message type reads it: names, shapes, queue, instances and escaped labels."""
    model_config_pb2 = pytest.importorskip("tritonclient.grpc.model_config_pb2")
    text_format = pytest.importorskip("google.protobuf.text_format")
    parameters = {"sha256": "abc", "labels": json.dumps(['Ankle "boot"', "Bag"])}
    text = config("classifier", 144, {"probabilities": 2}, parameters, Serving(instances=2))
    parsed = text_format.Parse(text, model_config_pb2.ModelConfig())
    assert (parsed.name, parsed.backend, parsed.max_batch_size) == ("classifier", "onnxruntime", 8)
    assert list(parsed.input[0].dims) == [144, 144, 3]
    assert list(parsed.output[0].dims) == [2]
    assert parsed.instance_group[0].count == 2
    policy = parsed.dynamic_batching.default_queue_policy
    assert policy.timeout_action == policy.REJECT
    assert policy.max_queue_size == 64
    assert [warmup.batch_size for warmup in parsed.model_warmup] == [1, 8]
    assert json.loads(parsed.parameters["labels"].string_value) == ['Ankle "boot"', "Bag"]
    assert parsed.parameters["sha256"].string_value == "abc"
    assert parsed.parameters["enable_mem_pattern"].string_value == "0"


def test_a_batch_may_be_kept_small() -> None:
    """Triton then runs that many requests although more wait; it parses, and is left out where nobody asks for it."""
    model_config_pb2 = pytest.importorskip("tritonclient.grpc.model_config_pb2")
    text_format = pytest.importorskip("google.protobuf.text_format")
    texts = [config("one", 8, {"a": 2}, {}, Serving(preferred_batch_size=size)) for size in (1, None)]
    small, usual = (text_format.Parse(text, model_config_pb2.ModelConfig()) for text in texts)
    assert list(small.dynamic_batching.preferred_batch_size) == [1]
    assert not usual.dynamic_batching.preferred_batch_size


def test_new_entry_replaces_the_old_one_as_a_whole(tmp_path: Path) -> None:
    """Nothing of the old entry is left, and nothing beside the repository either."""
    write_entry(tmp_path / "repository", _entry(tmp_path, b"old"))
    (tmp_path / "repository/classifier/stray.txt").write_text("stray")
    write_entry(tmp_path / "repository", _entry(tmp_path, b"new"))
    names = sorted(path.name for path in (tmp_path / "repository/classifier").iterdir())
    assert names == ["1", "MODEL_CARD.md", "config.pbtxt", "golden.json"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["made.onnx", "repository"]


def test_failure_leaves_the_old_entry(tmp_path: Path) -> None:
    """A model file that can't be read costs nothing that was there."""
    write_entry(tmp_path / "repository", _entry(tmp_path, b"old"))
    missing = _entry(tmp_path, onnx=tmp_path / "none.onnx")
    with pytest.raises(FileNotFoundError):
        write_entry(tmp_path / "repository", missing)
    assert (tmp_path / "repository/classifier/1/model.onnx").read_bytes() == b"old"
