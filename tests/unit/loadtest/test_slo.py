"""Objectives: what keeps them, and what can't be read."""

import pytest

from services.common.errors import SettingsInvalid
from services.loadtest.slo import kept, parse_slo
from services.loadtest.tally import Outcome, Tally
from tests.support.load import reply, tally_of

GOOD = tally_of(
    [reply(20.0)] * 97
    + [reply(20.0, rung="coarse"), reply(300.0), reply(10.0, Outcome.PARTIAL, coverage=0.5, rung="no_extras")]
)
BAD = tally_of([reply(20.0)] * 90 + [reply(5.0, Outcome.SHED)] * 10)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", True),
        ("p99_ms=25", True),
        ("max_ms=299", False),
        ("p50_ms=19", False),
        ("error_share=0, shed_share=0", True),
        ("partial_share=0.01", True),
        ("partial_share=0.009", False),
        ("degraded_share=0.02", True),
        ("degraded_share=0.019", False),
        ("goodput_share=0.99,coverage=0.995", True),
        ("goodput_share=0.991", False),
    ],
)
def test_every_bound_must_be_kept(text: str, *, expected: bool) -> None:
    """At most for times and losses, at least for what should be high."""
    assert kept(parse_slo(text), GOOD) is expected


def test_refusing_does_not_keep_an_objective() -> None:
    """Whoever was refused has no answer: else refusing everybody would be the best service."""
    assert not kept(parse_slo("error_share=0.01"), BAD)


def test_who_has_no_answer_has_no_degraded_one() -> None:
    """Of nothing, no share is degraded; that nothing was answered is for other bounds to say."""
    assert kept(parse_slo("degraded_share=0"), tally_of([reply(5.0, Outcome.SHED)] * 3))


def test_no_answer_at_all_keeps_no_latency() -> None:
    """Nothing is not fast."""
    assert not kept(parse_slo("p99_ms=1000"), Tally())


@pytest.mark.parametrize("text", ["p98_ms=250", "p99_ms", "p99_ms=fast", "p99_ms=-1", "p99_ms=nan", "error_share=inf"])
def test_what_can_t_be_read_is_refused(text: str) -> None:
    """With the part that can't."""
    with pytest.raises(SettingsInvalid, match="slo: "):
        parse_slo(text)
