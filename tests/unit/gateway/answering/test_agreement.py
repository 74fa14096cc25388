"""Checking routed answers in the background: which are drawn, what is compared, and what it may cost."""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from services.common.errors import DeadlineExceeded
from services.gateway.answering.agreement import (
    Agreement,
    AgreementCheck,
    AgreementRules,
    CheckOutcome,
    Routed,
    compare,
)
from services.gateway.answering.merging import Hit
from services.gateway.answering.plan import RankedShard, Scoring
from services.gateway.answering.query import Policy
from services.gateway.answering.scatter import ShardQuery
from services.relevance.scoring import UNFITTED
from tests.support.clocks import ManualClock
from tests.support.gateway import KEY, WEIGHTS, FakeSearchers, Gate, until

SHARDS = tuple(
    RankedShard(slug, slug.capitalize(), share, UNFITTED) for slug, share in (("coats", 0.75), ("bags", 0.25))
)
RULES = AgreementRules(share=1.0, in_flight=1, busy_above=2, timeout_seconds=5.0)


@dataclass
class Diary:
    """What was recorded."""

    outcomes: Counter[tuple[Policy, CheckOutcome]] = field(default_factory=Counter)
    agreements: list[Agreement] = field(default_factory=list)

    def drawn(self, policy: Policy, outcome: CheckOutcome) -> None:
        self.outcomes[policy, outcome] += 1

    def compared(self, policy: Policy, agreement: Agreement) -> None:
        assert policy is Policy.ADAPTIVE
        self.agreements.append(agreement)


def agrees(overlap: float) -> Agreement:
    return Agreement(best_product=True, overlap=overlap)


def differs(overlap: float) -> Agreement:
    return Agreement(best_product=False, overlap=overlap)


def hits(*products: str) -> tuple[Hit, ...]:
    return tuple(Hit(product, f"{product}-image", f"{product}.jpg", "Coats", 0.5, 0.5) for product in products)


def routed(*products: str, scoring: Scoring = Scoring(), top_k: int = 2) -> Routed:  # noqa: B008 - frozen
    return Routed(Policy.ADAPTIVE, ShardQuery(KEY, b"vector", top_k, exact=False), SHARDS, scoring, hits(*products))


def check(
    searchers: FakeSearchers,
    diary: Diary,
    rules: AgreementRules = RULES,
    seed: int = 0,
    clock: ManualClock | None = None,
) -> AgreementCheck:
    return AgreementCheck(searchers, rules, diary, draw=random.Random(seed).random, clock=clock or ManualClock())


async def outcome_of(searchers: FakeSearchers, answer: Routed) -> Diary:
    diary = Diary()
    checking = check(searchers, diary)
    checking.consider(answer, 0)
    await until(lambda: diary.outcomes.total() == 1)
    await checking.close()
    return diary


async def test_the_routed_answer_is_compared_with_every_shard_s_exact_one() -> None:
    """The right product lies where the classifier did not look: another best product, and one of two in common."""
    searchers = FakeSearchers({"coats": {"loden": 0.6, "parka": 0.3}, "bags": {"tote": 0.9}})
    diary = await outcome_of(searchers, routed("loden", "parka"))
    assert diary.outcomes == {(Policy.ADAPTIVE, "compared"): 1}
    assert diary.agreements == [differs(0.5)]
    assert searchers.asked == {"coats": 1, "bags": 1}
    assert set(searchers.queries) == {ShardQuery(KEY, b"vector", 2, exact=True, batch=True)}


async def test_the_exact_answer_is_scored_as_the_routed_one_was() -> None:
    """By similarity alone the bag would be first; with the prior the coat is, in both."""
    searchers = FakeSearchers({"coats": {"loden": 0.6}, "bags": {"tote": 0.65}})
    fused = Scoring(fusion=WEIGHTS, categories=2)
    assert (await outcome_of(searchers, routed("loden", scoring=fused, top_k=1))).agreements == [agrees(1.0)]
    assert (await outcome_of(searchers, routed("loden", top_k=1))).agreements == [differs(0.0)]


async def test_a_missing_shard_is_counted_apart_and_nothing_is_compared() -> None:
    """A lost shard is no disagreement; the shards after it are not bothered."""
    searchers = FakeSearchers(errors={"coats": DeadlineExceeded("late")})
    diary = await outcome_of(searchers, routed("loden"))
    assert diary.outcomes == {(Policy.ADAPTIVE, "partial"): 1}
    assert diary.agreements == []
    assert searchers.asked == {"coats": 1}


async def test_a_defect_is_counted_and_ends_nothing() -> None:
    """It is logged, and the next answer is checked."""
    diary = Diary()
    checking = check(FakeSearchers(errors={"coats": ZeroDivisionError()}), diary)
    with capture_logs() as logged:
        for times in range(1, 3):
            checking.consider(routed("loden"), 0)
            await until(lambda times=times: diary.outcomes[Policy.ADAPTIVE, "failed"] == times)  # type: ignore[misc]
    assert [line["event"] for line in logged] == ["agreement_check_failed"] * 2
    await checking.close()


@pytest.mark.parametrize(("share", "least", "most"), [(0.0, 0, 0), (0.1, 70, 130), (1.0, 1_000, 1_000)])
async def test_the_share_is_drawn(share: float, least: int, most: int) -> None:
    """Of a thousand answers about a tenth; none at 0 and all at 1. The gateway is busy, so none costs a search."""
    diary, searchers = Diary(), FakeSearchers()
    checking = check(searchers, diary, replace(RULES, share=share))
    for _ in range(1_000):
        checking.consider(routed("loden"), RULES.busy_above + 1)
    assert least <= diary.outcomes[Policy.ADAPTIVE, "skipped"] <= most
    assert searchers.asked == {}


async def test_no_more_run_at_once_than_may() -> None:
    """The second is skipped while the first runs, and not when it has ended."""
    gate, diary = Gate(is_open=False), Diary()
    checking = check(FakeSearchers(gates={"coats": gate}), diary)
    checking.consider(routed("loden"), RULES.busy_above)
    await gate.was_entered()
    checking.consider(routed("loden"), 0)
    assert diary.outcomes == {(Policy.ADAPTIVE, "skipped"): 1}
    gate.open()
    await until(lambda: diary.outcomes[Policy.ADAPTIVE, "compared"] == 1)
    checking.consider(routed("loden"), 0)
    await until(lambda: diary.outcomes[Policy.ADAPTIVE, "compared"] == 2)
    await checking.close()


async def test_one_shard_is_asked_after_the_other_within_one_timeout() -> None:
    """Five seconds for all: what the first took is not the second's."""
    gate, clock = Gate(is_open=False), ManualClock()
    searchers, diary = FakeSearchers(gates={"coats": gate}), Diary()
    checking = check(searchers, diary, clock=clock)
    checking.consider(routed("loden"), 0)
    await gate.was_entered()
    assert set(searchers.asked) == {"coats"}
    clock.advance(4.0)
    gate.open()
    await until(lambda: diary.outcomes.total() == 1)
    assert searchers.timeouts == {"coats": pytest.approx(5.0), "bags": pytest.approx(1.0)}
    await checking.close()


async def test_draining_gives_up_what_runs_and_begins_no_more() -> None:
    """No caller waits for it; nothing is left running, and nothing is recorded."""
    others = asyncio.all_tasks()
    gate, diary = Gate(is_open=False), Diary()
    searchers = FakeSearchers(gates={"coats": gate})
    checking = check(searchers, diary)
    checking.consider(routed("loden"), 0)
    await gate.was_entered()
    checking.drain()
    checking.consider(routed("loden"), 0)
    await checking.close()
    assert gate.cancelled == 1
    assert (searchers.asked, diary.outcomes) == ({"coats": 1}, {})
    assert asyncio.all_tasks() <= others


names = st.lists(st.sampled_from("abcdef"), unique=True)


@given(exact=names, answer=names)
def test_agreement_is_a_share(exact: list[str], answer: list[str]) -> None:
    """All when they are the same, none without a common product, and a best product only where both have it."""
    agreement = compare(hits(*answer), hits(*exact))
    assert 0.0 <= agreement.overlap <= 1.0
    assert compare(hits(*exact), hits(*exact)) == agrees(1.0)
    if exact and not set(exact) & set(answer):
        assert agreement == differs(0.0)


@pytest.mark.parametrize(
    ("answer", "exact", "expected"),
    [
        ("ab", "abcd", agrees(0.5)),
        ("ba", "ab", differs(1.0)),
        ("", "ab", differs(0.0)),
        ("", "", agrees(1.0)),
    ],
)
def test_what_the_routed_answer_lacks_counts(answer: str, exact: str, expected: Agreement) -> None:
    """The share is of what the exact answer found: a short answer does not look complete."""
    assert compare(hits(*answer), hits(*exact)) == expected
