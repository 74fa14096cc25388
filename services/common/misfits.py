"""What does not fit a model, in words for whoever wrote it. Pure."""

import difflib
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from services.common.errors import SettingsInvalid

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

M = TypeVar("M", bound=BaseModel)


def checked(model: type[M], fields: Any, where: str) -> M:
    """Return the model of these fields.

    Args:
        model: what they are to be.
        fields: what was written: keys with values, if it is right.
        where: the name of what it was written in, for the error.

    Raises:
        SettingsInvalid: the first thing that does not fit, with its place and, for an unknown key, what was meant.
    """
    try:
        return model.model_validate(fields)
    except ValidationError as invalid:
        place, why = first_misfit(invalid, model)
        raise SettingsInvalid(f"{where}: {place + ': ' if place else ''}{why}", field=place) from None


def first_misfit(invalid: ValidationError, model: type[BaseModel]) -> tuple[str, str]:
    """Return the place of what to mend first, and what is wrong there.

    A key that is misspelt is missing, too: that it is unknown is the better thing to say.
    """
    first = min(invalid.errors(include_url=False), key=lambda error: error["type"] != "extra_forbidden")
    return place_of(first, model), in_words(first, model)


def place_of(error: ErrorDetails, model: type[BaseModel]) -> str:
    """Return where it is, such as `shards.bag.cores`; empty for the whole."""
    written, _ = _followed(model, error["loc"])
    return ".".join(str(part) for part in written)


def in_words(error: ErrorDetails, model: type[BaseModel]) -> str:
    """Return what is wrong, without the place.

    Args:
        error: one of a validation.
        model: what was validated.
    """
    if error["type"] == "extra_forbidden":
        _, inner = _followed(model, error["loc"][:-1])
        known = [field.alias or name for name, field in inner.model_fields.items()]
        return f"there is no such field; {meant(str(error['loc'][-1]), known) or 'known are ' + ', '.join(known)}"
    return _WORDS.get(error["type"]) or error["msg"].removeprefix("Value error, ")


def meant(told: str, known: Collection[str]) -> str:
    """Return the question whether a known name was meant that is much like the one told; empty where none is."""
    close = difflib.get_close_matches(told, known, n=1)
    return f"did you mean {close[0]}?" if close else ""


def _followed(model: type[BaseModel], place: Sequence[str | int]) -> tuple[Sequence[str | int], type[BaseModel]]:
    """Return the parts of pydantic's place that somebody wrote, and the model that is there.

    Keys of mappings and numbers of items lead to no other model. Behind a field that is one of several models stands
    the tag of the one that was chosen, which nobody wrote there.
    """
    written = []
    tagged: Mapping[Any, type[BaseModel]] = {}
    for part in place:
        if part in tagged:
            model, tagged = tagged[part], {}
            continue
        written.append(part)
        field = next((field for name, field in model.model_fields.items() if part in {name, field.alias}), None)
        if field is not None:
            tagged = _by_tag(field)
            model = _model_in(field.annotation) or model
    return written, model


def _by_tag(field: FieldInfo) -> Mapping[Any, type[BaseModel]]:
    """Return the models that a field chooses from by their tags; none where it does not."""
    tag = field.discriminator
    if not isinstance(tag, str):
        return {}
    return {
        each.model_fields[tag].default: each for each in get_args(field.annotation) if hasattr(each, "model_fields")
    }


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the model that a type is, or has within: an optional one's, a list's, a mapping's."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for each in get_args(annotation) if (model := _model_in(each)) is not None), None)
