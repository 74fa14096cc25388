"""Model metadata from Triton's configuration message."""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from services.common.errors import FailedPrecondition
from services.models.metadata import ModelInfo, parse_model_config
from services.models.space import Space

PARAMETERS = {"sha256": "ab" * 32, "model_version": "tiny-1", "preprocessing": "resize-square-1"}


def config(
    parameters: Mapping[str, str] = MappingProxyType({}), *, dims: str = "[ 144, 160, 3 ]", outputs: int = 1
) -> Any:
    output = 'output { name: "probabilities" data_type: TYPE_FP32 dims: [ 2 ] }'
    text = f'name: "classifier" max_batch_size: 8 input {{ name: "pixels" data_type: TYPE_UINT8 dims: {dims} }}'
    message = text_format.Parse(text + output * outputs, model_config_pb2.ModelConfig())
    for key, value in (PARAMETERS | dict(parameters)).items():
        message.parameters[key].string_value = value
    return message


def joined(parameters: Mapping[str, str] = MappingProxyType({}), *, outputs: str = "embedding probabilities") -> Any:
    """A joined model's configuration, of an embedder of 3 numbers and a classifier of 2 labels."""
    sizes = {"embedding": 3, "probabilities": 2}
    text = 'name: "embedder_classifier" max_batch_size: 8 input { name: "pixels" dims: [ 144, 160, 3 ] }'
    answers = "".join(f'output {{ name: "{name}" dims: [ {sizes[name]} ] }}' for name in outputs.split())
    message = text_format.Parse(text + answers, model_config_pb2.ModelConfig())
    halves = {
        f"{half}_{key}": value
        for half, number in (("embedder", "1"), ("classifier", "2"))
        for key, value in (("sha256", number * 64), ("model_version", f"{half}-{number}"))
    }
    own = {"sha256": "ab" * 32, "preprocessing": "resize-square-1", "labels": '["shoe", "bag"]'}
    for key, value in (own | halves | dict(parameters)).items():
        message.parameters[key].string_value = value
    return message


def test_a_joined_model_is_two() -> None:
    """Each has the version, digest and size of its own file, so a snapshot of theirs knows them."""
    embedder, classifier = parse_model_config(joined())
    common = {"preprocessing": "resize-square-1", "input_height": 144, "input_width": 160, "max_batch_size": 8}
    assert embedder == ModelInfo("embedder", "embedder-1", "1" * 64, output_size=3, joined=True, **common)  # type: ignore[arg-type]
    assert (classifier.name, classifier.version, classifier.sha256) == ("classifier", "classifier-2", "2" * 64)
    assert classifier.labels == ("shoe", "bag")
    assert embedder.space == Space("1" * 64, "resize-square-1", 3, "inner_product")
    assert {embedder.served_by, classifier.served_by} == {"embedder_classifier"}


@pytest.mark.parametrize(
    ("parameters", "outputs", "reason"),
    [
        ({"embedder_sha256": ""}, "embedding probabilities", "lacks the parameter 'embedder_sha256'"),
        ({"classifier_model_version": ""}, "embedding probabilities", "lacks the parameter 'classifier_model_version'"),
        ({"labels": ""}, "embedding probabilities", "lacks the parameter 'labels'"),
        ({}, "embedding", "needs an output 'probabilities'"),
        ({}, "probabilities", "needs an output 'embedding'"),
    ],
)
def test_half_of_a_joined_model_is_refused(parameters: dict[str, str], outputs: str, reason: str) -> None:
    """What lacks a part would be neither."""
    with pytest.raises(FailedPrecondition, match=f"embedder_classifier: .*{reason}"):
        parse_model_config(joined(parameters, outputs=outputs))


def test_everything_is_read() -> None:
    """Height comes before width, labels keep their order and lose blanks around them."""
    assert parse_model_config(config({"labels": json.dumps(["shoe ", "bag"])})) == (
        ModelInfo(
            name="classifier",
            version="tiny-1",
            sha256="ab" * 32,
            preprocessing="resize-square-1",
            input_height=144,
            input_width=160,
            output_size=2,
            max_batch_size=8,
            labels=("shoe", "bag"),
        ),
    )


def test_a_model_without_labels_is_no_classifier() -> None:
    """An embedder states none."""
    assert [model.labels for model in parse_model_config(config())] == [()]


def test_space_is_that_of_the_vectors() -> None:
    """What the model says about itself decides which index its vectors may meet."""
    assert parse_model_config(config())[0].space == Space("ab" * 32, "resize-square-1", 2, "inner_product")


@pytest.mark.parametrize("key", sorted(PARAMETERS))
def test_a_missing_parameter_is_named(key: str) -> None:
    """Neither gateway nor indexer can do without any of them."""
    with pytest.raises(FailedPrecondition, match=f"classifier.*'{key}'"):
        parse_model_config(config({key: ""}))


@pytest.mark.parametrize("dims", ["[ 144, 3 ]", "[ -1, -1, 3 ]"])
def test_a_model_that_takes_no_picture_is_refused(dims: str) -> None:
    """Without a fixed size nobody knows how to resize a photo."""
    with pytest.raises(FailedPrecondition, match="exactly one input with 3 fixed dimensions"):
        parse_model_config(config(dims=dims))


def test_channels_first_is_refused() -> None:
    """Pixels are [height, width, channel] everywhere."""
    with pytest.raises(FailedPrecondition, match="224 channels"):
        parse_model_config(config(dims="[ 3, 224, 224 ]"))


def test_a_second_output_is_refused() -> None:
    """Nobody would know which one is meant."""
    with pytest.raises(FailedPrecondition, match="exactly one output"):
        parse_model_config(config(outputs=2))


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        ("bag,shoe", "is not JSON"),
        ('{"bag": 1}', "not a list of names"),
        ('["bag", " "]', "not a list of names"),
        ('["bag", "bag "]', "1 distinct labels"),
        ('["bag"]', "for 2 outputs"),
    ],
)
def test_wrong_labels_are_refused(labels: str, reason: str) -> None:
    """A probability without its own label would route to the wrong shard."""
    with pytest.raises(FailedPrecondition, match=reason):
        parse_model_config(config({"labels": labels}))
