"""Scenario files: what they say, and what they can't say."""

import pytest

from services.client.types import Criticality, Policy
from services.common.errors import SettingsInvalid
from services.loadtest.arrivals import Spike
from services.loadtest.scenario import read_scenario

GOOD = """
name: evening
seed: 7
arrivals: {kind: spike, rate: 5, peak_rate: 50, before_seconds: 10, peak_seconds: 5, after_seconds: 20}
photos: {dataset: build/demo/dataset, recall: true}
mix:
  - {weight: 9, policy: top_p, probability_mass: 0.8, deadline_ms: 500}
  - {policy: all, deadline_ms: 10000, criticality: batch, top_k: 100}
"""


def test_a_scenario_says_what_is_sent() -> None:
    """Times, photos and the mix; what it leaves out has its default."""
    scenario = read_scenario(GOOD, "evening.yaml")
    assert isinstance(scenario.arrivals, Spike)
    assert (scenario.seed, scenario.warm_up_seconds, scenario.photos.table) == (7, 2.0, "queries")
    first, second = scenario.mix
    assert first.options["policy"] is Policy.TOP_P
    assert (second.options["criticality"], second.options["top_k"], second.weight) == (Criticality.BATCH, 100, 1.0)
    assert first.name == "top_p, interactive, 500 ms, 10 products, p = 0.8"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("seed: 7", "sead: 7", "sead: there is no such field; did you mean seed?"),
        ("peak_rate: 50", "peek_rate: 50", r"arrivals.peek_rate: there is no such field; did you mean peak_rate\?"),
        ("recall: true", "labels: true", "photos.labels: there is no such field; known are dataset"),
        ("weight: 9", "wait: 9", "mix.0.wait: there is no such field; did you mean weight"),
        ("kind: spike", "kind: burst", "arrivals: .*'burst'"),
        ("rate: 5,", "rate: 0,", "arrivals.rate: .*greater than 0"),
        ("policy: top_p", "policy: best", "mix.0.policy: .*adaptive"),
        (
            "dataset: build/demo/dataset, recall: true",
            "",
            "photos: give one of dataset, folder and synthetic_kb, not none",
        ),
        ("recall: true", "folder: photos", "not dataset and folder"),
        ("dataset: build/demo/dataset", "folder: photos", "recall needs labelled photos, and a folder has no labels"),
        ("name: evening", "name: [", "evening.yaml, line"),
    ],
)
def test_what_can_t_be_said_is_refused_by_name(old: str, new: str, words: str) -> None:
    """In one line, with the file and what was meant."""
    assert old in GOOD
    with pytest.raises(SettingsInvalid, match=words) as refused:
        read_scenario(GOOD.replace(old, new), "evening.yaml")
    assert "evening.yaml" in refused.value.message
    assert "\n" not in refused.value.message


@pytest.mark.parametrize("text", ["", "- 1", "just words"])
def test_what_is_no_scenario_is_refused(text: str) -> None:
    """A list, a word or nothing."""
    with pytest.raises(SettingsInvalid, match="keys and values"):
        read_scenario(text, "evening.yaml")


def test_a_scenario_without_arrivals_is_refused() -> None:
    """The message names what is missing."""
    with pytest.raises(SettingsInvalid, match="arrivals: it is missing"):
        read_scenario("photos: {synthetic_kb: 30}", "evening.yaml")
