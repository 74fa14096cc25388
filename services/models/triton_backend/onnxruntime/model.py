"""Triton's backend `onnxruntime`, in Python: serves what NVIDIA's C++ backend of that name serves, from pip's Triton.

Triton loads this file into one stub process per model instance. It runs in Triton's own environment (numpy 1, no
Aisle), so it imports nothing of Aisle. One call of `execute` gets the requests of one dynamic batch.
"""
# ruff: noqa: INP001  # no package: Triton loads the file by its path

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """One instance of one model: an ONNX Runtime session and what to ask it for."""

    @staticmethod
    def auto_complete_config(auto_complete_model_config: Any) -> Any:
        """Return the configuration unchanged: config.pbtxt says everything that there is to say."""
        return auto_complete_model_config

    def initialize(self, args: Mapping[str, str]) -> None:
        """Load `<model_repository>/<version>/model.onnx` with the threads that config.pbtxt asks for."""
        _refuse_numpy_2()
        config = json.loads(args["model_config"])
        file = config.get("default_model_filename") or "model.onnx"
        path = Path(args["model_repository"], args["model_version"], file)
        options = _session_options(config.get("parameters", {}))
        self._session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._inputs = [tensor["name"] for tensor in config["input"]]
        self._outputs = [tensor["name"] for tensor in config["output"]]

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """Answer every request; a failed run fails its batch only.

        Triton takes cancelled requests out of its queue. To ask for each one here whether it was cancelled since
        would be a question to the server's process, 0.1 to 0.3 ms of every answer.
        """
        try:
            return self._run(requests)
        except Exception as error:  # noqa: BLE001  # whatever it is, the callers are told and the instance lives on
            return [_error(f"onnxruntime: {error}") for _ in requests]

    def finalize(self) -> None:
        """Free the session before the process ends."""
        del self._session

    def _run(self, requests: Sequence[Any]) -> list[Any]:
        """Join the requests' tensors along the batch, run once, and give every request its rows of the results."""
        tensors = [[_array(request, name) for request in requests] for name in self._inputs]
        joined = [arrays[0] if len(arrays) == 1 else np.concatenate(arrays) for arrays in tensors]
        results = self._session.run(self._outputs, dict(zip(self._inputs, joined, strict=True)))
        if len(requests) == 1:
            return [self._response(requests[0], results)]
        ends = np.cumsum([len(array) for array in tensors[0]])[:-1]
        shares = zip(*(np.split(result, ends) for result in results), strict=True)
        return [self._response(request, share) for request, share in zip(requests, shares, strict=True)]

    def _response(self, request: Any, results: Iterable[Any]) -> Any:
        wanted = request.requested_output_names()
        named = zip(self._outputs, results, strict=True)
        return pb_utils.InferenceResponse([pb_utils.Tensor(name, array) for name, array in named if name in wanted])


def _array(request: Any, name: str) -> Any:
    return pb_utils.get_input_tensor_by_name(request, name).as_numpy()


def _error(message: str) -> Any:
    return pb_utils.InferenceResponse(error=pb_utils.TritonError(message, pb_utils.TritonError.INTERNAL))


def _session_options(parameters: Mapping[str, Mapping[str, str]]) -> Any:
    """Return the options for the parameters that NVIDIA's backend reads, too; one thread when they are missing."""
    threads = {key: int(value["string_value"]) for key, value in parameters.items() if key.endswith("_thread_count")}
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads.get("intra_op_thread_count", 1)
    options.inter_op_num_threads = threads.get("inter_op_thread_count", 1)
    # The models share the cores: one that spins while it waits takes them from the one that works.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_mem_pattern = parameters.get("enable_mem_pattern", {}).get("string_value") != "0"
    return options


def _refuse_numpy_2() -> None:
    """Fail the load rather than answer with nonsense: this Triton's stub reads zeros from numpy 2."""
    if not np.__version__.startswith("1."):
        raise RuntimeError(f"numpy {np.__version__} in Triton's environment: its stub needs numpy 1.26")
