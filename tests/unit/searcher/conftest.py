"""What several tests of the searcher start from."""

from pathlib import Path

import pytest

from tests.support.snapshots import PublishedSnapshot, publish_snapshot


@pytest.fixture
def snapshot(tmp_path: Path) -> PublishedSnapshot:
    """A snapshot with twelve shoes, five bags and the baseline."""
    return publish_snapshot(tmp_path, {"Shoes": 12, "Bags": 5}, dimension=8, baseline=True)
