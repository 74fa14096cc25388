"""Comparisons: two runs of the same gateway do not differ, and one that got slower is found out."""

import numpy as np
import pytest

from services.common.errors import InvalidArgument
from services.loadtest.comparison import block_weights, compare, remarks
from services.loadtest.schema import Report
from services.loadtest.tally import Outcome
from tests.support.load import reply, report_of

SECONDS = 60


def run(seed: int, *, factor: float = 1.0, error_share: float = 0.0, seconds: int = SECONDS) -> Report:
    """Return a run whose seconds are slow or fast by lot, as machines are, and depend on the second before."""
    rng = np.random.default_rng(seed)
    drift = 0.0
    by_second = []
    for _ in range(seconds):
        drift = 0.6 * drift + rng.normal(0.0, 0.08)
        times = factor * 20.0 * np.exp(drift + rng.normal(0.0, 0.3, size=20))
        by_second.append(
            [reply(each, Outcome.ERROR if rng.random() < error_share else Outcome.OK) for each in times.tolist()]
        )
    return report_of(by_second)


def test_the_same_gateway_twice_is_no_difference() -> None:
    """In four pairs with some nine figures each, hardly one is called real by chance."""
    differences = [each for pair in range(4) for each in compare(run(2 * pair), run(2 * pair + 1))]
    assert len(differences) > 30
    assert np.mean([each.is_real for each in differences]) < 0.05


def test_a_slower_gateway_is_found_out() -> None:
    """A third slower: median and p90 are worse for sure; of p99.9, which 1,200 answers can't tell, nothing is said."""
    by_name = {each.name: each for each in compare(run(1), run(2, factor=1.33))}
    for name in ("p50_ms", "p90_ms"):
        assert by_name[name].is_real
        assert not by_name[name].is_better
    assert by_name["p50_ms"].low < 20 * 0.33 < by_name["p50_ms"].high + 3
    assert "p999_ms" not in by_name


def test_errors_are_found_out() -> None:
    """Two in a hundred against none."""
    by_name = {each.name: each for each in compare(run(1), run(2, error_share=0.05))}
    assert by_name["error_share"].is_real
    assert by_name["goodput_rps"].is_real
    assert not by_name["goodput_rps"].is_better


def test_a_run_compared_with_itself_differs_in_nothing() -> None:
    """The value's difference is 0, and the interval holds it."""
    for each in compare(run(1), run(1)):
        assert each.first == each.second
        assert not each.is_real


def test_short_runs_are_refused() -> None:
    """They hold too few blocks."""
    with pytest.raises(InvalidArgument, match="the second run is a run of 10 s"):
        compare(run(1), run(2, seconds=10))


def test_drawn_runs_are_as_long_as_the_run() -> None:
    """Made of blocks in a row, each second as likely as any other."""
    weights = block_weights(30, 4000, 1)
    assert np.all(weights.sum(axis=1) == 30)
    assert weights.mean(axis=0) == pytest.approx(np.ones(30), abs=0.1)


def test_what_makes_runs_hard_to_compare_is_said() -> None:
    """Another rate, another snapshot, and a run that can't be believed; another name or seed is no reason."""
    first = run(1)
    second = first.model_copy(
        update={
            "valid": False,
            "invalid_reason": "the client was busy",
            "scenario": {**first.scenario, "arrivals": {"rate": 30}, "mix": [{"policy": "all"}]},
            "server": first.server.model_copy(update={"snapshot_id": "snapshot-2"}),
        }
    )
    first = first.model_copy(update={"scenario": {**first.scenario, "arrivals": {"rate": 20}}})
    assert remarks(first, second) == [
        "the second run can't be vouched for: the client was busy",
        "they searched other snapshots: snapshot-1, and snapshot-2",
        "what was sent differs: arrivals.rate 20, and 30; mix[1].policy missing, and all",
    ]
    assert remarks(first, first.model_copy(update={"scenario": {**first.scenario, "seed": 21, "name": "b"}})) == []
