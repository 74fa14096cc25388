"""How a system is put together, before any of its processes starts."""

from pathlib import Path

import pytest

from services.cli.supervising import system
from services.cli.supervising.packing import SEARCHER_BYTES
from services.cli.supervising.system import SystemSettings, _packed
from tests.support.manifests import manifest_of

SMALL = manifest_of(dict.fromkeys(("Bag", "Coat", "Dress", "Shoe"), 600), baseline=True)


@pytest.mark.parametrize(
    ("asked", "packed"),
    [
        (0, (("bag", "dress"), ("coat", "shoe"), ("_all",))),
        (1, (("bag",), ("coat",), ("dress",), ("shoe",), ("_all",))),
        (9, (("bag", "coat", "dress", "shoe"), ("_all",))),
    ],
)
def test_cores_and_memory_decide_unless_a_number_is_asked_for(
    asked: int, packed: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On two cores small shards share two searchers; a number holds for shards of any size."""
    monkeypatch.setattr(system, "available_cores", lambda: 2)
    monkeypatch.setattr(system, "available_bytes", lambda: 100 * SEARCHER_BYTES)
    settings = SystemSettings(run_folder=Path("run"), snapshot_root="snapshots", shards_per_searcher=asked)
    assert _packed(settings, SMALL) == packed


def test_memory_of_this_machine_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """With hardly any, there is one searcher for all categories, however many cores there are."""
    monkeypatch.setattr(system, "available_cores", lambda: 4)
    monkeypatch.setattr(system, "available_bytes", lambda: 0)
    settings = SystemSettings(run_folder=Path("run"), snapshot_root="snapshots")
    assert _packed(settings, SMALL) == (("bag", "coat", "dress", "shoe"), ("_all",))
