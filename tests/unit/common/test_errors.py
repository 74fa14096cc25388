"""The error tree is what its docstring draws."""

import re
from collections.abc import Iterator

import grpc

from services.common import errors
from services.common.errors import AisleError


def tree(root: type[AisleError] = AisleError) -> Iterator[type[AisleError]]:
    """Yield every class of the tree but its root."""
    for below in root.__subclasses__():
        yield below
        yield from tree(below)


def test_the_docstring_draws_every_class_with_its_reason() -> None:
    """Name and reason (a code's own name for the branches) stand in the drawing, and nothing else does."""
    drawn = re.findall(r"[├└]── (\w+) +([A-Z_]+)", errors.__doc__ or "")
    assert sorted(drawn) == sorted((cls.__name__, cls.reason) for cls in tree())


def test_reasons_are_unique() -> None:
    """A program can tell classes apart by their reasons."""
    reasons = [cls.reason for cls in tree()]
    assert len(set(reasons)) == len(reasons)


def test_codes_are_grpc_s_and_inherited() -> None:
    """A class has the code of its branch."""
    for branch in AisleError.__subclasses__():
        assert branch.code in grpc.StatusCode.__members__
        assert {cls.code for cls in tree(branch)} <= {branch.code}


def test_the_text_is_the_message() -> None:
    """Logs and tracebacks show the message."""
    assert str(errors.Overloaded("busy", retry_after_seconds=0.5)) == "busy"
