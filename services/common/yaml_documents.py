"""Reads YAML, and JSON with it, as Kubernetes means it: what JSON can hold, each key once, and within bounds.

So does everything here that people write by hand: a date or a `no` is a text, and a file that is half right is refused.
Pure but for reading it.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Final

import yaml
from yaml.constructor import SafeConstructor
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from services.common.errors import SettingsInvalid

MOST_BYTES: Final = 32 * 2**20
"""A hundred times a large overlay."""
MOST_VALUES: Final = 1_000_000
"""Aliases count as what they stand for: a few lines of them can mean billions."""
DEEPEST: Final = 64
"""Kubernetes' own objects are some 15 levels deep; an alias within itself has no end."""
_TAG: Final = "tag:yaml.org,2002:"
_CONSTRUCTOR: Final = SafeConstructor()


class _Nodes(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # the C one is ten times as fast
    """Takes plain text for a null, a boolean or a number only where Kubernetes' tools do, and never for a date."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}


for _name, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(0|[1-9][0-9_]*|0[0-7_]+|0b[01_]+|0x[0-9a-fA-F_]+)", list("-+0123456789")),
    (
        "float",
        r"[-+]?([0-9][0-9_]*\.?[0-9_]*|\.[0-9]+)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
):
    _Nodes.add_implicit_resolver(_TAG + _name, re.compile(f"^({_pattern})$"), _first)


def read_document(path: Path) -> Any:
    """Return what a file of one YAML document holds; None for one that holds nothing.

    Raises:
        FileNotFoundError: there is no such file.
        SettingsInvalid: it can't be read, or `only_document` refuses it; names the file.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise SettingsInvalid(f"{path} can't be read: {error.strerror}") from None
    return only_document(content, str(path))


def only_document(content: bytes, where: str) -> Any:
    """Return what a text of one YAML document holds; None for one that holds nothing.

    Raises:
        SettingsInvalid: from `documents`, or there are several.
    """
    found = list(documents(content, where))
    if len(found) > 1:
        raise SettingsInvalid(f"{where} has {len(found)} documents: let it have one, without ---")
    return found[0] if found else None


def documents(content: bytes, where: str) -> Iterator[Any]:
    """Yield what each YAML document of a text holds, of the types that JSON has.

    Args:
        content: the text, UTF-8.
        where: its name, for the error.

    Raises:
        SettingsInvalid: it is too large, not UTF-8 or not YAML, has a key twice or a tag that is no type of JSON's; the
            message names the line.
    """
    if len(content) > MOST_BYTES:
        raise SettingsInvalid(f"{where} has {len(content):,} bytes, {MOST_BYTES:,} at most: is it the right file?")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SettingsInvalid(f"{where}, line {line}: not UTF-8: save it in that encoding") from None
    try:
        for node in yaml.compose_all(text, Loader=_Nodes):
            yield _Values(where).of(node)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = where if mark is None else f"{where}, line {mark.line + 1}"
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or error
        raise SettingsInvalid(f"{place}: not YAML: {problem}") from None


class _Values:
    """Makes values of one document's nodes, after a look at how many there will be."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._counts: dict[int, int] = {}

    def of(self, root: Node) -> Any:
        self._count(root, 0)
        return self._value(root)

    def _count(self, node: Node, depth: int) -> int:
        """Return how many values a node stands for; one that has several aliases is looked at once."""
        if depth > DEEPEST:
            raise self._refusal(node, f"more than {DEEPEST} levels deep, or an alias within itself: write it out")
        if id(node) not in self._counts:
            match node:
                case MappingNode():
                    below = [each for pair in node.value for each in pair]
                case SequenceNode():
                    below = node.value
                case _:
                    below = []
            count = 1 + sum(self._count(each, depth + 1) for each in below)
            if count > MOST_VALUES:
                raise self._refusal(node, f"more than {MOST_VALUES:,} values, aliases written out: write less of it")
            self._counts[id(node)] = count
        return self._counts[id(node)]

    def _value(self, node: Node) -> Any:
        match node:
            case MappingNode(tag=tag) if tag == _TAG + "map":
                return self._mapping(node)
            case SequenceNode(tag=tag) if tag == _TAG + "seq":
                return [self._value(each) for each in node.value]
            case ScalarNode():
                return self._scalar(node)
            case _:
                raise self._unknown_tag(node)

    def _mapping(self, node: MappingNode) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, ScalarNode):
                raise self._refusal(key, "a key that is no text")
            if key.value in made:
                raise self._refusal(key, f"the key {key.value!r} is there twice: only one can count")
            made[key.value] = self._value(value)
        return made

    def _scalar(self, node: ScalarNode) -> str | int | float | bool | None:
        try:
            match node.tag.removeprefix(_TAG):
                case "str":
                    return str(node.value)
                case "null":
                    return None
                case "bool":
                    return bool(_CONSTRUCTOR.construct_yaml_bool(node))
                case "int":
                    return int(_CONSTRUCTOR.construct_yaml_int(node))
                case "float":
                    return float(_CONSTRUCTOR.construct_yaml_float(node))
        except (ValueError, KeyError):
            # What it is may be a secret that was written into the wrong place.
            raise self._refusal(node, f"not of the type that its tag {self._tag(node)} says") from None
        raise self._unknown_tag(node)

    def _unknown_tag(self, node: Node) -> SettingsInvalid:
        return self._refusal(node, f"the tag {self._tag(node)} is no type of JSON's: write a text, in quotes")

    def _tag(self, node: Node) -> str:
        return str(node.tag).replace(_TAG, "!!")

    def _refusal(self, node: Node, why: str) -> SettingsInvalid:
        return SettingsInvalid(f"{self._where}, line {node.start_mark.line + 1}: {why}")
