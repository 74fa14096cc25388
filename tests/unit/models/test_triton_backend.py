"""What Triton's Python-based backend tells ONNX Runtime; all else of it needs Triton."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import services.models

BACKEND = Path(services.models.__path__[0]) / "triton_backend" / "onnxruntime" / "model.py"


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The file, loaded by its path as Triton does, beside a module that only Triton has."""
    pytest.importorskip("onnxruntime")
    monkeypatch.setitem(sys.modules, "triton_python_backend_utils", ModuleType("triton_python_backend_utils"))
    spec = importlib.util.spec_from_file_location("backend_model", BACKEND)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("stated", "threads", "patterns"),
    [({}, 1, True), ({"enable_mem_pattern": "0", "intra_op_thread_count": "2"}, 2, False)],
)
def test_the_configuration_says_how_a_model_runs(
    backend: Any, stated: dict[str, str], threads: int, *, patterns: bool
) -> None:
    """With the parameters that NVIDIA's backend reads, too; without them with one thread, and as ONNX Runtime likes."""
    options = backend._session_options({key: {"string_value": value} for key, value in stated.items()})
    assert options.intra_op_num_threads == threads
    assert options.enable_mem_pattern is patterns
