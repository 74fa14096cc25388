"""What does not fit a model, in words for whoever wrote it. Pure."""

import difflib
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

_WORDS: Final[Mapping[str, str]] = {
    "missing": "it is missing",
    "string_too_short": "it is empty",
    "too_short": "it is empty",
    "string_type": "it is no text: put it in quotes",
    "sequence_type": "it is no list",
    "is_instance_of": "it is no list",
    "mapping_type": "it is no keys with values",
    "model_type": "it is no keys with values",
    "dict_type": "it is no keys with values",
}
"""By pydantic's name of the error; of the others its own words do."""


def first_misfit(invalid: ValidationError, model: type[BaseModel]) -> tuple[str, str]:
    """Return the place of what to mend first, and what is wrong there.

    A key that is misspelt is missing, too: that it is unknown is the better thing to say.
    """
    first = min(invalid.errors(include_url=False), key=lambda error: error["type"] != "extra_forbidden")
    return place_of(first), in_words(first, model)


def place_of(error: ErrorDetails) -> str:
    """Return where it is, such as `shards.bag.cores`; empty for the whole."""
    return ".".join(str(part) for part in error["loc"])


def in_words(error: ErrorDetails, model: type[BaseModel]) -> str:
    """Return what is wrong, without the place.

    Args:
        error: one of a validation.
        model: what was validated.
    """
    if error["type"] == "extra_forbidden":
        known = _keys_at(model, error["loc"][:-1])
        return f"there is no such field; {meant(str(error['loc'][-1]), known) or 'known are ' + ', '.join(known)}"
    return _WORDS.get(error["type"]) or error["msg"].removeprefix("Value error, ")


def meant(told: str, known: Collection[str]) -> str:
    """Return the question whether a known name was meant that is much like the one told; empty where none is."""
    close = difflib.get_close_matches(told, known, n=1)
    return f"did you mean {close[0]}?" if close else ""


def _keys_at(model: type[BaseModel], place: Sequence[str | int]) -> Sequence[str]:
    """Return the keys that are known at a place; keys of mappings and numbers of items lead nowhere else."""
    for part in place:
        inner = next((field for name, field in model.model_fields.items() if part in {name, field.alias}), None)
        model = model if inner is None else _model_in(inner.annotation) or model
    return [field.alias or name for name, field in model.model_fields.items()]


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the model that a type is, or has within: an optional one's, a list's, a mapping's."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for each in get_args(annotation) if (model := _model_in(each)) is not None), None)
