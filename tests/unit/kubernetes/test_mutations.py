"""Odd objects: whatever is missing in one, or of another type, there are findings and never a traceback."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.kubernetes.checking import findings, policy_findings, schema_findings
from services.kubernetes.workloads import workloads
from tests.support.overlays import Objects, needs_kubectl, objects_of

Path = tuple[str | int, ...]

DROPPED: Final = object()
SPOILT: st.SearchStrategy[Any] = st.sampled_from(
    [
        *(DROPPED, DROPPED, DROPPED, DROPPED, None, True, 0, -1, 7, 2**70, 0.5, {}, [], [None], [{}], ["x"]),
        *("", "x", "0", "-1", "50%", "1e3", "::/0", "10.0.0.1/8", "a=b", "--x", "Exists", "http://[", "limits.x"),
        *({"x": "y"}, {"x": None}, [{"name": "x"}], [{"podSelector": {}}], [{"port": 1, "endPort": 5}]),
        *("{}", '{"shards": []}', '{"shards": {"a": ["b"]}}'),
    ]
)
"""Of every type that JSON has, among them what some field or other would take."""


def paths(value: Any, path: Path = ()) -> Iterator[Path]:
    """Yield the way to every key and every item."""
    items: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in items:
        yield (*path, key)
        yield from paths(each, (*path, key))


def spoil(each: Any, path: Path, instead: Any) -> None:
    """Put something else at the end of a path, or nothing."""
    for step in path[:-1]:
        each = each[step]
    if instead is DROPPED:
        del each[path[-1]]
    else:
        each[path[-1]] = deepcopy(instead)


def one_searcher(objects: Objects) -> Objects:
    """Return the objects without all searchers but one: what is odd in one is so in another."""
    others = {slug for workload in workloads(objects) for slug in workload.shards} - {"bag"}
    names = {f"searcher-{slug}" for slug in others}
    return [each for each in objects if each["metadata"]["name"] not in names]


@needs_kubectl
@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.data())
def test_whatever_is_spoilt_ends_with_findings(data: st.DataObject) -> None:
    """Up to three places of one object: an API server would refuse it, or the rules can read it."""
    objects = one_searcher(objects_of("production"))
    each = data.draw(st.sampled_from(objects))
    for _ in range(data.draw(st.integers(1, 3))):
        if ways := list(paths(each)):
            spoil(each, data.draw(st.sampled_from(ways)), data.draw(SPOILT))
    if not schema_findings([each]):
        policy_findings(objects)


@pytest.mark.parametrize(
    "each", [None, 5, "text", [], {}, {"kind": "Pod"}, {"apiVersion": 1, "kind": [], "metadata": 2}]
)
def test_what_is_no_object_is_found(each: Any) -> None:
    """It has no API version, no kind or no name."""
    assert {found.rule for found in findings([each])} == {"schema"}


def test_a_path_is_no_kind() -> None:
    """Schemas are files, and kinds a part of their names."""
    odd = {"apiVersion": "v1", "kind": "../../secret", "metadata": {"name": "x"}}
    assert [found.message for found in findings([odd])] == ["kind: '../../secret' is none"]
