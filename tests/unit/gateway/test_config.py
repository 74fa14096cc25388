"""What the gateway's settings become."""

import math
from pathlib import Path

import pytest
from pydantic import ValidationError

from services.gateway.config import GatewaySettings


@pytest.mark.parametrize(("metrics_port", "share"), [(0, 0.0), (9_100, 0.25)])
def test_no_answer_is_checked_when_nobody_can_read_the_figures(metrics_port: int, share: float) -> None:
    """Exact searches cost cores; without a port for metrics they would be in vain."""
    settings = GatewaySettings(
        snapshot_root="here", topology=Path("topology.json"), agreement_share=0.25, metrics_port=metrics_port
    )
    assert settings.agreement_rules.share == share


@pytest.mark.parametrize("shortest", [{"default_timeout_seconds": 0.02}, {"max_timeout_seconds": 0.01}])
def test_a_reserve_that_leaves_nothing_is_refused(shortest: dict[str, float]) -> None:
    """Every photo without a deadline would fail, and nobody would know why."""
    with pytest.raises(ValidationError, match=r"reserve_seconds is 0.02, which leaves nothing of the 0.0. s"):
        GatewaySettings(snapshot_root="here", topology=Path("topology.json"), **shortest)


def test_endless_times_are_refused() -> None:
    """A caller must not hold a place for ever."""
    with pytest.raises(ValidationError, match="max_timeout_seconds"):
        GatewaySettings(snapshot_root="here", topology=Path("topology.json"), max_timeout_seconds=math.inf)


def test_only_rungs_that_load_leads_to_can_be_pinned() -> None:
    """The one without a classifier comes by itself."""
    with pytest.raises(ValidationError, match="pinned_rung"):
        GatewaySettings.model_validate({"snapshot_root": "here", "topology": "there", "pinned_rung": "no_classifier"})
