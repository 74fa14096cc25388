"""docs/reports.md describes the schema as it is."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from services.evaluation import schema

PAGE = (Path(__file__).parents[3] / "docs" / "reports.md").read_text(encoding="utf-8")
MODELS = [each for each in vars(schema).values() if isinstance(each, type) and issubclass(each, BaseModel)]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_field_is_described(model: type[BaseModel]) -> None:
    """A field that readers can't look up is none."""
    described = set(re.findall(r"`(?:answers\[\]\.)?(\w+)`", PAGE))
    assert model.model_fields.keys() <= described


def test_the_page_is_about_this_version() -> None:
    """Whoever raises the version describes it."""
    assert f"This page describes version {schema.SCHEMA_VERSION}." in PAGE
