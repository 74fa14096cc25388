"""docs/reports.md and docs/loadtest.md describe what there is."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from services.loadtest import schema
from services.loadtest.scenario import Kind, Photos, Scenario, read_scenario
from services.loadtest.slo import parse_slo

DOCS = Path(__file__).parents[3] / "docs"
REPORTS = (DOCS / "reports.md").read_text(encoding="utf-8").partition("## Load tests")[2]
PAGE = (DOCS / "loadtest.md").read_text(encoding="utf-8")
MODELS = [
    each
    for each in vars(schema).values()
    if isinstance(each, type) and issubclass(each, BaseModel) and each.__module__ == schema.__name__
]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_field_of_the_report_is_described(model: type[BaseModel]) -> None:
    """A field that readers can't look up is none."""
    assert model.model_fields.keys() <= set(re.findall(r"`(\w+)`", REPORTS))


@pytest.mark.parametrize("model", [Scenario, Photos, Kind])
def test_every_key_of_a_scenario_is_described(model: type[BaseModel]) -> None:
    """In the table or in the example."""
    assert model.model_fields.keys() <= set(re.findall(r"\w+", PAGE))


def test_the_example_is_a_scenario() -> None:
    """Whoever copies it has one."""
    [example] = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert read_scenario(example, "the example").name == "evening"


def test_the_objectives_shown_are_some() -> None:
    """Each of them can be read."""
    shown = re.findall(r"--slo (\S+)", PAGE)
    assert shown
    for text in shown:
        assert parse_slo(text)
