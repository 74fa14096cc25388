"""What the gateway's settings become."""

from pathlib import Path

import pytest

from services.gateway.config import GatewaySettings


@pytest.mark.parametrize(("metrics_port", "share"), [(0, 0.0), (9_100, 0.25)])
def test_no_answer_is_checked_when_nobody_can_read_the_figures(metrics_port: int, share: float) -> None:
    """Exact searches cost cores; without a port for metrics they would be in vain."""
    settings = GatewaySettings(
        snapshot_root="here", topology=Path("topology.json"), agreement_share=0.25, metrics_port=metrics_port
    )
    assert settings.agreement_rules.share == share
