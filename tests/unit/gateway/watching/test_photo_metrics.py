"""What Prometheus reads of the photos."""

import asyncio
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry

from services.common.criticality import Criticality
from services.common.errors import DeadlineExceeded, Overloaded, reasons
from services.gateway.answering.coverage import ShardCoverage, ShardState, cover
from services.gateway.answering.query import Answer, Policy
from services.gateway.watching.photo_metrics import PhotoMetrics
from services.snapshot.manifest import BASELINE_SLUG
from tests.support.gateway import FakeRecord, photo_search, query

PERSON, JOB = Criticality.INTERACTIVE, Criticality.BATCH


class Figures:
    """The metrics, and what is read of them."""

    def __init__(self, most_shards: int = 100) -> None:
        self._registry = CollectorRegistry()
        self.metrics = PhotoMetrics(self._registry, most_shards)

    def value(self, name: str, **labels: str) -> float | None:
        """Return one sample."""
        return self._registry.get_sample_value(f"aisle_gateway_{name}", labels)

    def shards(self) -> set[str]:
        """Return the shards that have figures."""
        samples = (sample for metric in self._registry.collect() for sample in metric.samples)
        return {sample.labels["shard"] for sample in samples if "shard" in sample.labels}


@pytest.fixture
async def answer() -> Answer:
    """A complete answer of four shards."""
    record = FakeRecord()
    await photo_search(record=record).answer(query(Policy.ALL), None)
    return record.answers[0]


def with_shards(answer: Answer, *shards: ShardCoverage) -> Answer:
    """Return the answer with another coverage."""
    return replace(answer, coverage=cover(shards))


def test_an_answer_is_counted_by_who_waited_its_stages_and_its_shards(answer: Answer) -> None:
    """A person's complete answer in 0.2 s."""
    figures = Figures()
    figures.metrics.answered(answer, PERSON, 0.2)
    assert figures.value("photos_total", criticality="interactive", outcome="ok") == 1
    assert figures.value("photo_seconds_bucket", criticality="interactive", le="0.25") == 1
    assert figures.value("photo_seconds_bucket", criticality="interactive", le="0.1") == 0
    assert figures.value("answers_total", rung="full", partial="false") == 1
    assert {
        stage: figures.value("stage_seconds_count", stage=stage) for stage in answer.stage_seconds
    } == dict.fromkeys(answer.stage_seconds, 1)
    assert figures.shards() == {"bags", "coats", "shirts", "shoes"}
    assert figures.value("shards_total", shard="coats", state="answered") == 1
    assert figures.value("coverage_count") == 1


def test_a_slow_shard_and_a_skipped_one_are_told_apart(answer: Answer) -> None:
    """What was not asked took no time; what was given up took what it was waited for."""
    figures = Figures()
    late = ShardCoverage("Coats", ShardState.LATE, 0.4, 0.3)
    skipped = ShardCoverage("Bags", ShardState.SKIPPED, 0.1, 0.0)
    figures.metrics.answered(with_shards(answer, late, skipped), JOB, 0.4)
    assert figures.value("photos_total", criticality="batch", outcome="partial") == 1
    assert figures.value("shard_seconds_sum", shard="coats") == 0.3
    assert figures.value("shard_seconds_count", shard="bags") == 0
    assert figures.value("shards_total", shard="bags", state="skipped") == 1


def test_errors_are_counted_by_reason_and_by_what_they_made_of_the_photo() -> None:
    """Shed, late, given up by the caller."""
    figures = Figures()
    figures.metrics.failed(Overloaded("full"), JOB)
    figures.metrics.failed(DeadlineExceeded("late"), PERSON)
    figures.metrics.failed(asyncio.CancelledError(), PERSON)
    assert figures.value("photos_total", criticality="batch", outcome="shed") == 1
    assert figures.value("photos_total", criticality="interactive", outcome="late") == 1
    assert figures.value("photos_total", criticality="interactive", outcome="gone") == 1
    for reason in ("OVERLOADED", "DEADLINE_EXCEEDED", "CANCELLED"):
        assert figures.value("errors_total", reason=reason) == 1


def test_what_is_known_before_is_there_before() -> None:
    """A counter that begins with its first event shows no rate for it."""
    figures = Figures()
    assert figures.value("photos_total", criticality="batch", outcome="failed") == 0
    assert all(figures.value("errors_total", reason=reason) == 0 for reason in reasons())


def test_a_shop_of_many_shards_does_not_fill_prometheus(answer: Answer) -> None:
    """Five hundred categories, in whatever order: as many of their own as are allowed, and one for the rest."""
    figures = Figures(most_shards=20)
    shards = [ShardCoverage(f"Category {number}", ShardState.ANSWERED, 0.002, 0.01) for number in range(500)]
    figures.metrics.answered(with_shards(answer, *shards), PERSON, 0.1)
    figures.metrics.answered(with_shards(answer, *reversed(shards)), PERSON, 0.1)
    assert len(figures.shards()) == 21
    assert figures.value("shards_total", shard="other", state="answered") == 960


def test_the_baseline_index_is_a_shard_too(answer: Answer) -> None:
    """It has no category, but a slug."""
    figures = Figures()
    figures.metrics.answered(with_shards(answer, ShardCoverage("", ShardState.ANSWERED, 1.0, 0.01)), PERSON, 0.1)
    assert figures.shards() == {BASELINE_SLUG}
