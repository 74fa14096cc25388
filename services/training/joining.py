"""Two models that share their network become one that answers for both and computes the network once. ONNX only.

What is the same is found by what it does, not by its name: the two files may have been written at different times.
"""

from collections.abc import Callable, Iterable
from typing import Final

import onnx
from onnx import ModelProto, NodeProto, TensorProto, numpy_helper

from services.common.errors import FailedPrecondition

_PREFIX: Final = "classifier/"
"""Of the names of what only the classifier has; the embedder keeps its own."""
_NETWORK: Final = "Conv"
"""What a network's time is spent with; a head has none."""

Key = tuple[object, ...]


def join(embedder: ModelProto, classifier: ModelProto) -> ModelProto:
    """Return one model with the embedder's outputs and then the classifier's; neither argument is changed.

    The embedder's part of it is the embedder's graph as it was, so it answers what it did, bit for bit.

    Raises:
        FailedPrecondition: they take other pixels, are written for other operator sets, or the classifier has
            convolutions that the embedder lacks; nothing would be saved then.
    """
    _refuse_other_ends(embedder, classifier)
    whole = ModelProto()
    whole.CopyFrom(embedder)
    known = _known(embedder)
    same = {classifier.graph.input[0].name: embedder.graph.input[0].name}
    ends = {output.name for output in classifier.graph.output}
    for constant in classifier.graph.initializer:
        if (name := known.get(_constant_key(constant))) is None:
            name = _PREFIX + constant.name
            whole.graph.initializer.add().CopyFrom(constant)
            whole.graph.initializer[-1].name = name
        same[constant.name] = name
    own = list[NodeProto]()
    for node in classifier.graph.node:
        found = [known.get((*_node_key(node, _naming(same)), place)) for place in range(len(node.output))]
        if None not in found and not ends.intersection(node.output):
            same.update(zip(node.output, (name for name in found if name is not None), strict=True))
            continue
        own.append(node)
        same.update({name: name if name in ends else _PREFIX + name for name in node.output})
        whole.graph.node.add().CopyFrom(_renamed(node, same))
    _refuse_another_network(own)
    whole.graph.output.extend(classifier.graph.output)
    onnx.checker.check_model(whole)
    return whole


def _known(model: ModelProto) -> dict[Key, str]:
    """Return the name of each of a model's inner tensors by what it is made of."""
    names, first = dict[Key, str](), dict[str, str]()
    for constant in model.graph.initializer:
        first[constant.name] = names.setdefault(_constant_key(constant), constant.name)
    for node in model.graph.node:
        key = _node_key(node, _naming(first))
        first.update({name: names.setdefault((*key, place), name) for place, name in enumerate(node.output)})
    return names


def _constant_key(constant: TensorProto) -> Key:
    return "constant", constant.data_type, tuple(constant.dims), numpy_helper.to_array(constant).tobytes()


def _node_key(node: NodeProto, naming: Callable[[str], str]) -> Key:
    options = sorted(attribute.SerializeToString(deterministic=True) for attribute in node.attribute)
    return node.op_type, node.domain, tuple(options), tuple(naming(name) for name in node.input)


def _naming(same: dict[str, str]) -> Callable[[str], str]:
    return lambda name: same.get(name, name)


def _renamed(node: NodeProto, names: dict[str, str]) -> NodeProto:
    renamed = NodeProto()
    renamed.CopyFrom(node)
    renamed.name = node.name and _PREFIX + node.name
    for tensors in (renamed.input, renamed.output):
        for place, name in enumerate(tensors):
            tensors[place] = names.get(name, name)
    return renamed


def _refuse_other_ends(embedder: ModelProto, classifier: ModelProto) -> None:
    takes = [_picture(model) for model in (embedder, classifier)]
    if takes[0] != takes[1]:
        raise FailedPrecondition(
            f"the embedder takes {takes[0]} pixels and the classifier {takes[1]}: they can't be one model; fit both to "
            "one network, by `aisle fit head`"
        )
    sets = [sorted((opset.domain, opset.version) for opset in model.opset_import) for model in (embedder, classifier)]
    if sets[0] != sets[1]:
        raise FailedPrecondition(f"the models are written for other operator sets, {sets[0]} and {sets[1]}")


def _refuse_another_network(own: Iterable[NodeProto]) -> None:
    convolutions = sum(node.op_type == _NETWORK for node in own)
    if convolutions:
        raise FailedPrecondition(
            f"the classifier has a network of its own ({convolutions} convolutions that the embedder lacks), so one "
            "model would save nothing: fit both to one network, by `aisle fit head` or `aisle fit fine-tune` without "
            "--keep-embedder"
        )


def _picture(model: ModelProto) -> str:
    _, height, width, _ = model.graph.input[0].type.tensor_type.shape.dim
    return f"{height.dim_value} x {width.dim_value}"
