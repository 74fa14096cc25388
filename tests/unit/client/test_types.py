"""What callers give and get."""

import subprocess
import sys

import pytest

import services.client
from services.client.types import ShardState


def test_hits_of_answered_and_hedged_shards_are_in_the_answer() -> None:
    """No other state's are, least of all an unknown one's."""
    assert {state for state in ShardState if state.answered} == {ShardState.ANSWERED, ShardState.HEDGED}


@pytest.mark.parametrize("module", ["types", "retries"])
def test_pure_modules_are_imported_without_heavy_ones(module: str) -> None:
    """`aisle --help` and the evaluation's pure modules import them and must not wait for gRPC."""
    program = (
        f"import sys, services.client.{module}; print(*{{'grpc', 'asyncio', 'numpy', 'google'}} & {{*sys.modules}})"
    )
    imported = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert imported.stdout.split() == []


def test_every_public_name_is_there() -> None:
    """Those that are imported on first use too; any other name is an AttributeError."""
    assert {name: hasattr(services.client, name) for name in services.client.__all__} == dict.fromkeys(
        services.client.__all__, True
    )
    assert not hasattr(services.client, "Searcher")
