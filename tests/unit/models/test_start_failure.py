"""Why a Triton did not start."""

from services.models.start_failure import explain_failure

LOAD = (
    "2026-01-02T03:04:05Z E 77 model_lifecycle.cc:642] \"failed to load 'embedder' version 1: Internal: "
    'InvalidProtobuf: model.onnx failed"'
)
CONFIG = (
    "2026-01-02T03:04:05Z E 77 model_repository_manager.cc:1460] \"Poll failed for model directory 'classifier': "
    'Invalid text-protobuf"'
)


def test_failed_models_are_named_with_their_reason() -> None:
    """Of a long log only what was wrong is told."""
    assert explain_failure(["warming up", LOAD, "bye"]) == (
        "model embedder: Internal: InvalidProtobuf: model.onnx failed"
    )


def test_every_failed_model_is_told_once() -> None:
    """Triton repeats itself; an operator wants to mend all at once."""
    told = explain_failure([LOAD, CONFIG, LOAD])
    assert told.count("model embedder") == 1
    assert "model classifier: Invalid text-protobuf" in told


def test_otherwise_the_last_lines_are_told() -> None:
    """Without a model to blame the end of the log is the best there is."""
    assert explain_failure([f"line {number}" for number in range(100)]).splitlines()[-1] == "line 99"


def test_silence_is_told() -> None:
    """An empty message would look like a defect of ours."""
    assert explain_failure([]) == "it wrote no log"
