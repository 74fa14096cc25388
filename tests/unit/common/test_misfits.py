"""What does not fit a model, in words."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.common.errors import SettingsInvalid
from services.common.misfits import checked, first_misfit, meant


class Part(BaseModel):
    """A part of the whole."""

    model_config = ConfigDict(extra="forbid", strict=True)

    size_mib: Annotated[int | None, Field(alias="sizeMib")] = None


class Round(BaseModel):
    """One of two forms."""

    model_config = ConfigDict(extra="forbid", strict=True)

    kind: Literal["round"] = "round"
    radius: int


class Square(BaseModel):
    """The other one."""

    model_config = ConfigDict(extra="forbid", strict=True)

    kind: Literal["square"] = "square"
    side: int


class Whole(BaseModel):
    """What is checked."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: Annotated[str, Field(min_length=1)]
    part: Part | None = None
    named: Mapping[str, Part] = {}
    listed: Sequence[Part] = ()
    form: Annotated[Round | Square | None, Field(discriminator="kind")] = None


@pytest.mark.parametrize(
    ("told", "place", "why"),
    [
        ({}, "name", "it is missing"),
        ({"name": ""}, "name", "it is empty"),
        ({"name": 0.1}, "name", "it is no text: put it in quotes"),
        ({"nmae": "x"}, "nmae", "there is no such field; did you mean name?"),
        ({"name": "x", "z": 1}, "z", "there is no such field; known are name, part, named, listed, form"),
        ({"name": "x", "part": {"sizeMiB": 1}}, "part.sizeMiB", "there is no such field; did you mean sizeMib?"),
        ({"name": "x", "named": {"a": {"size": 1}}}, "named.a.size", "there is no such field; did you mean sizeMib?"),
        ({"name": "x", "listed": [{"x": 1}]}, "listed.0.x", "there is no such field; known are sizeMib"),
        ({"name": "x", "listed": 1}, "listed", "it is no list"),
        ({"name": "x", "named": 1}, "named", "it is no keys with values"),
        ({"name": "x", "form": {"kind": "square"}}, "form.side", "it is missing"),
        (
            {"name": "x", "form": {"kind": "square", "sied": 1}},
            "form.sied",
            "there is no such field; did you mean side?",
        ),
        ([], "", "it is no keys with values"),
    ],
)
def test_each_says_where_and_what(told: Any, place: str, why: str) -> None:
    """In words of ours, with the name that may have been meant where it is."""
    with pytest.raises(ValidationError) as invalid:
        Whole.model_validate(told)
    assert first_misfit(invalid.value, Whole) == (place, why)


def test_what_is_refused_is_named_with_where_it_was_written() -> None:
    """In one line, and the place for programs; of the whole there is no place to name."""
    for told, line, place in (
        ({"name": ""}, "whole.yaml: name: it is empty", "name"),
        (1, "whole.yaml: it is no keys with values", ""),
    ):
        with pytest.raises(SettingsInvalid) as refused:
            checked(Whole, told, "whole.yaml")
        assert (refused.value.message, refused.value.field) == (line, place)
    assert checked(Whole, {"name": "x"}, "whole.yaml") == Whole(name="x")


def test_nothing_alike_is_not_asked_for() -> None:
    """A hint that is none misleads."""
    assert meant("bags", ["bag", "coat"]) == "did you mean bag?"
    assert meant("hat", ["trouser"]) == ""
