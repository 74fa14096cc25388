"""Objects are what their schemas say, with no field that these don't know: Kubernetes' own, and ours of operators'."""

from collections.abc import Iterator, Sequence
from typing import Final

import kubernetes_validate
from pydantic import BaseModel, ValidationError

from services.common.misfits import in_words, place_of
from services.kubernetes.custom_resources import MODELS
from services.kubernetes.findings import Finding, Object, where

VERSION: Final = "1.33"
"""The oldest release of Kubernetes that the manifests are for."""
_RULE: Final = "schema"


def findings(objects: Sequence[Object]) -> Iterator[Finding]:
    """Yield what an API server would refuse; objects have `apiVersion` and `kind`."""
    for each in objects:
        model = MODELS.get((each["apiVersion"], each["kind"]))
        for message in _of_kubernetes(each) if model is None else _of_operators(each, model):
            yield Finding(where(each), _RULE, message)


def _of_kubernetes(each: Object) -> Iterator[str]:
    try:
        kubernetes_validate.validate(each, VERSION, strict=True)
    except kubernetes_validate.ValidationError as invalid:
        path = ".".join(str(part) for part in invalid.path)
        yield f"{path}: {invalid.message[:300]}"
    except kubernetes_validate.SchemaNotFoundError as unknown:
        yield unknown.message


def _of_operators(each: Object, model: type[BaseModel]) -> Iterator[str]:
    try:
        model.model_validate(each)
    except ValidationError as invalid:
        yield from (
            f"{place_of(error, model)}: {in_words(error, model)}" for error in invalid.errors(include_url=False)
        )
