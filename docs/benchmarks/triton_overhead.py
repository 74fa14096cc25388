"""What Triton adds to ONNX Runtime in process, one picture at a time.

Start Triton with `python -m services.models --port 8001`, then run `python docs/benchmarks/triton_overhead.py`.
"""
# ruff: noqa: INP001  # a script

import asyncio
import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime

from services.models.client import CLASSIFIER, EMBEDDER, TritonModels

_CALLS = 200
_WARM_UP_CALLS = 20


async def main(target: str = "127.0.0.1:8001", repository: str = "model_repository") -> None:
    """Print the times of both ways, call by call in turn, so that other load on the machine meets both."""
    triton = TritonModels(target)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    for name, ask in ((EMBEDDER, triton.embed), (CLASSIFIER, triton.classify)):
        info = await triton.describe(name)
        file = Path(repository, name, "1", "model.onnx")
        session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        pixels = np.random.default_rng(0).integers(0, 256, (1, info.input_height, info.input_width, 3), np.uint8)
        through_triton, in_process = [], []
        for _ in range(_WARM_UP_CALLS + _CALLS):
            start = time.perf_counter()
            await ask(pixels, 10.0)
            middle = time.perf_counter()
            session.run(None, {"pixels": pixels})
            through_triton.append(1e3 * (middle - start))
            in_process.append(1e3 * (time.perf_counter() - middle))
        a, b = np.array(through_triton[_WARM_UP_CALLS:]), np.array(in_process[_WARM_UP_CALLS:])
        medians = f"Triton p50 {np.median(a):.1f} ms, in process {np.median(b):.1f} ms, more {np.median(a - b):.1f} ms"
        sys.stdout.write(f"{name}: {medians}\n")
    await triton.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
