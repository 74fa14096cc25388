"""The HTTP server that shows metrics to Prometheus."""

import urllib.request

import pytest
from prometheus_client import CollectorRegistry, Counter

from services.common.errors import SettingsInvalid
from services.common.metrics import Exposition


def test_metrics_are_shown_until_the_end() -> None:
    """What is counted is shown; a port that is taken is said; after the end it is free again."""
    registry = CollectorRegistry()
    Counter("aisle_test_photos", "Photos.", registry=registry).inc(3)
    exposition = Exposition(registry, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{exposition.port}/metrics"
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            assert b"aisle_test_photos_total 3.0" in response.read()
        with pytest.raises(SettingsInvalid, match=str(exposition.port)) as refused:
            Exposition(registry, "127.0.0.1", exposition.port)
        assert refused.value.field == "metrics_port"
    finally:
        exposition.close()
    Exposition(registry, "127.0.0.1", exposition.port).close()
