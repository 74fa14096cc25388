"""Triton's backend `onnxruntime`, in Python: serves what NVIDIA's C++ backend of that name serves, from pip's Triton.

Triton loads this file into one stub process per model instance. It runs in Triton's own environment (numpy 1, no
Aisle), so it imports nothing of Aisle. One call of `execute` gets the requests of one dynamic batch.
"""

import json
from pathlib import Path

import numpy as np
import onnxruntime as ort
import triton_python_backend_utils as pb_utils

_THREAD_PARAMETERS = ("intra_op_thread_count", "inter_op_thread_count")


class TritonPythonModel:
    """One instance of one model: an ONNX Runtime session and what to ask it for."""

    @staticmethod
    def auto_complete_config(auto_complete_model_config):
        """Return the configuration unchanged: config.pbtxt says everything that there is to say."""
        return auto_complete_model_config

    def initialize(self, args):
        """Load `<model_repository>/<version>/model.onnx` with the threads that config.pbtxt asks for."""
        _refuse_numpy_2()
        config = json.loads(args["model_config"])
        file = config.get("default_model_filename") or "model.onnx"
        path = Path(args["model_repository"], args["model_version"], file)
        self._session = ort.InferenceSession(str(path), _session_options(config), providers=["CPUExecutionProvider"])
        self._inputs = [tensor["name"] for tensor in config["input"]]
        self._outputs = [tensor["name"] for tensor in config["output"]]
        self._batches = config.get("max_batch_size", 0) > 0

    def execute(self, requests):
        """Answer every request; a cancelled one is not computed, a failed run fails its requests and no others."""
        responses = [_cancelled() if request.is_cancelled() else None for request in requests]
        waiting = [index for index, response in enumerate(responses) if response is None]
        # Without a batch dimension (max_batch_size 0) there is nothing along which requests could be joined.
        for group in [waiting] if self._batches else [[index] for index in waiting]:
            for index, response in zip(group, self._answer([requests[index] for index in group])):
                responses[index] = response
        return responses

    def finalize(self):
        """Free the session before the process ends."""
        self._session = None

    def _answer(self, requests):
        if not requests:
            return []
        try:
            feeds = [[pb_utils.get_input_tensor_by_name(r, name).as_numpy() for name in self._inputs] for r in requests]
            joined = [arrays[0] if len(arrays) == 1 else np.concatenate(arrays) for arrays in zip(*feeds)]
            results = self._session.run(self._outputs, dict(zip(self._inputs, joined)))
        except Exception as error:  # whatever goes wrong belongs in the answer; the instance lives on
            failure = pb_utils.TritonError(f"onnxruntime: {error}", pb_utils.TritonError.INTERNAL)
            return [pb_utils.InferenceResponse(error=failure) for _ in requests]
        if len(requests) == 1:
            return [self._response(requests[0], results)]
        ends = np.cumsum([arrays[0].shape[0] for arrays in feeds])[:-1]
        shares = zip(*(np.split(result, ends) for result in results))
        return [self._response(request, share) for request, share in zip(requests, shares)]

    def _response(self, request, results):
        wanted = request.requested_output_names()
        tensors = [pb_utils.Tensor(name, array) for name, array in zip(self._outputs, results) if name in wanted]
        return pb_utils.InferenceResponse(output_tensors=tensors)


def _cancelled():
    return pb_utils.InferenceResponse(
        error=pb_utils.TritonError("cancelled by the caller", pb_utils.TritonError.CANCELLED)
    )


def _session_options(config):
    given = {key: int(parameter["string_value"]) for key, parameter in config.get("parameters", {}).items()
             if key in _THREAD_PARAMETERS}
    options = ort.SessionOptions()
    options.intra_op_num_threads = given.get("intra_op_thread_count", 1)
    options.inter_op_num_threads = given.get("inter_op_thread_count", 1)
    # Two models share the cores: one that spins while it waits takes them from the one that works.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    return options


def _refuse_numpy_2():
    if int(np.__version__.split(".")[0]) >= 2:
        raise RuntimeError(f"numpy {np.__version__}: Triton's stub reads zeros from numpy 2, install numpy 1.26")
