"""Runs model files in one ONNX Runtime, which may be another build than ours: `python worker.py JOB.json`.

It runs in an environment of its own (`onnxruntime-openvino` can't be installed beside `onnxruntime`), so it imports
nothing of Aisle. A job names files, pictures and shapes; what comes of it is written where the job says.
"""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

_WARM_UP = 3


def main(job_file: str) -> None:
    """Do a job: write every file's answers to all pictures, or the times that one picture takes."""
    job = json.loads(Path(job_file).read_text(encoding="utf-8"))
    if job["task"] == "answer":
        for name, file in job["files"].items():
            _answer(job, name, file)
        return
    times = {name: _times(job, name, file) for name, file in job["files"].items()}
    Path(job["out"]).write_text(json.dumps(times), encoding="utf-8")


def _answer(job: dict[str, Any], name: str, file: str) -> None:
    session = _open(file, job["runtime"], job["threads"])
    pixels = np.load(job["pixels"][name])
    parts = [session.run(None, {"pixels": pixels[at : at + 1]}) for at in range(len(pixels))]
    names = [output.name for output in session.get_outputs()]
    answers = {output: np.concatenate(rows) for output, rows in zip(names, zip(*parts, strict=True), strict=True)}
    np.savez(Path(job["out"]) / f"{name}.npz", allow_pickle=False, **answers)


def _times(job: dict[str, Any], name: str, file: str) -> list[dict[str, float]]:
    """Return photos a second, milliseconds and processor milliseconds a photo for each shape, as measured now."""
    picture = np.load(job["pixels"][name])[:1]
    found = []
    for instances, threads in job["shapes"]:
        sessions = [_open(file, job["runtime"], threads) for _ in range(instances)]
        with ThreadPoolExecutor(instances) as pool:
            list(pool.map(_runs, sessions, repeat(picture), repeat(_WARM_UP)))
            began, used = time.perf_counter(), time.process_time()
            spans = [span for each in pool.map(_runs, sessions, repeat(picture), repeat(job["runs"])) for span in each]
            seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - used
        found.append(
            {
                "photos_per_second": len(spans) / seconds,
                "ms": 1000 * float(np.median(spans)),
                "cpu_ms": 1000 * cpu_seconds / len(spans),
            }
        )
    return found


def _runs(session: Any, picture: Any, count: int) -> list[float]:
    spans = []
    for _ in range(count):
        began = time.perf_counter()
        session.run(None, {"pixels": picture})
        spans.append(time.perf_counter() - began)
    return spans


def _open(file: str, runtime: str, threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    own: list[Any] = ["CPUExecutionProvider"]
    openvino = ("OpenVINOExecutionProvider", {"device_type": "CPU", "num_of_threads": str(threads), "num_streams": "1"})
    session = onnxruntime.InferenceSession(file, options, providers=[openvino] if runtime == "openvino" else own)
    wanted = openvino[0] if runtime == "openvino" else own[0]
    if session.get_providers()[0] != wanted:  # a provider that can't start is left out without an error
        raise RuntimeError(f"{wanted} did not start; there are {', '.join(session.get_providers())}")
    return session


if __name__ == "__main__":
    main(sys.argv[1])
