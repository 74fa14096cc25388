"""What all tests of snapshots have in common."""

import pytest

from services.snapshot import store


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is damaged for good is read again at once, as often as in earnest."""
    monkeypatch.setattr(store, "_PAUSES_SECONDS", tuple(0.0 for _ in store._PAUSES_SECONDS))
