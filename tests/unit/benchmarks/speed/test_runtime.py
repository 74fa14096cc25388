"""ONNX Runtime here, as it is in Triton's environment."""

from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

from services.benchmarks.speed.runtime import open_model, run, same_version
from services.common.errors import FailedPrecondition
from services.models.golden import golden_picture
from tests.support import tiny_models

COMMITTED = Path(__file__).parents[4] / "model_repository"


def environment(folder: Path, installed: str) -> Path:
    """Return an environment that has that version of ONNX Runtime, as far as its metadata says."""
    metadata = folder / "lib" / "python3.11" / "site-packages" / f"onnxruntime-{installed}.dist-info" / "METADATA"
    metadata.parent.mkdir(parents=True)
    metadata.write_text(f"Metadata-Version: 2.1\nName: onnxruntime\nVersion: {installed}\n")
    return folder


def test_times_are_compared_for_the_same_runtime_only(tmp_path: Path) -> None:
    """Another version may be faster by itself."""
    ours = version("onnxruntime")
    assert same_version(environment(tmp_path / "same", ours)) == ours
    with pytest.raises(FailedPrecondition, match=r"0\.1\.0"):
        same_version(environment(tmp_path / "other", "0.1.0"))
    with pytest.raises(FailedPrecondition, match="missing"):
        same_version(tmp_path / "none")


def test_the_highest_version_of_a_model_runs_with_the_threads_of_its_configuration(tmp_path: Path) -> None:
    """As Triton would choose, and with its result."""
    folder = tiny_models.write_model(tmp_path, "embedder", tiny_models.embedder())
    for number, model in (("2", tiny_models.classifier()), ("10", tiny_models.embedder(-1.0))):
        (folder / number).mkdir()
        (folder / number / "model.onnx").write_bytes(model)
    pixels = golden_picture(tiny_models.SIDE, tiny_models.SIDE)[np.newaxis]

    model = open_model(folder)

    expected = tiny_models.run_in_process(tiny_models.embedder(-1.0), pixels)
    np.testing.assert_allclose(run(model, pixels), expected, rtol=1e-5)
    assert model.get_session_options().intra_op_num_threads == 1


@pytest.mark.parametrize("name", ["embedder", "classifier"])
def test_memory_patterns_are_off(name: str) -> None:
    """In the committed models, whoever opens them: each size of batch would keep a block of memory of its own."""
    model = open_model(COMMITTED / name)
    assert not model.get_session_options().enable_mem_pattern
