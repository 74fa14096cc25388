"""Settings: from options to a scenario, and contradictions."""

from pathlib import Path

import pytest

from services.client.types import Policy
from services.common.errors import SettingsInvalid
from services.common.misfits import checked
from services.loadtest.arrivals import Poisson
from services.loadtest.config import LoadtestSettings


def test_options_make_a_scenario() -> None:
    """Poisson arrivals and one kind; made-up photos when nothing else is said."""
    scenario = checked(LoadtestSettings, {"rate": 5.0, "policy": "all", "seed": 3}, "options").sent()
    assert scenario.arrivals == Poisson(rate=5.0, seconds=60.0)
    assert (scenario.photos.synthetic_kb, scenario.mix[0].policy, scenario.seed) == (30.0, Policy.ALL, 3)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"scenario": "x.yaml", "policy": "all"}, "policy: the scenario file says that"),
        ({"find_knee": True}, "find_knee needs an objective"),
        ({"rate": 0}, "rate: "),
        ({"tls_key": "k.pem"}, "tls_certificate and tls_key belong together"),
    ],
)
def test_contradictions_are_refused(fields: dict[str, object], words: str) -> None:
    """By name."""
    with pytest.raises(SettingsInvalid, match=words):
        checked(LoadtestSettings, fields, "options")


@pytest.mark.parametrize("fields", [{"deadline_ms": -1.0}, {"top_k": 0}, {"dataset": "d", "folder": "f"}])
def test_options_that_no_scenario_could_hold_are_refused(fields: dict[str, object]) -> None:
    """The scenario's own checks hold for them."""
    with pytest.raises(SettingsInvalid):
        checked(LoadtestSettings, fields, "options").sent()


def test_a_scenario_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """With its name."""
    with pytest.raises(SettingsInvalid, match=r"gone\.yaml: No such file"):
        LoadtestSettings(scenario=tmp_path / "gone.yaml").sent()


def test_the_gateway_is_reached_as_the_settings_say(tmp_path: Path) -> None:
    """An authority's file is enough to speak TLS."""
    target = LoadtestSettings(target="g:1", tls_ca=tmp_path / "ca.pem").tested()
    assert (target.address, target.is_secure) == ("g:1", True)
    assert not LoadtestSettings().tested().is_secure
