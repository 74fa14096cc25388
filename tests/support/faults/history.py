"""Open-loop load on a system, and the history of what became of it."""

import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from services.client import AisleClient, Criticality, Policy, SearchOptions, SearchResult
from services.common.errors import AisleError
from services.common.loop_lag import LoopLag
from services.loadtest.arrivals import Poisson, send_times
from services.loadtest.pacing import begin_at
from services.loadtest.plan import make_plan
from tests.support.cluster import photo

_NOTABLE_LAG = 0.005
PHOTOS = 24
"""Different photos that are sent."""


@dataclass(frozen=True, slots=True)
class Question:
    """One photo to be sent.

    Attributes:
        number: its place in the history.
        at: when, seconds from the start of the load.
        photo: the seed of its picture.
        policy: how to search.
        top_k: products wanted.
        timeout_seconds: the caller's deadline.
        criticality: who waits.
    """

    number: int
    at: float
    photo: int
    policy: Policy = Policy.ADAPTIVE
    top_k: int = 5
    timeout_seconds: float = 1.0
    criticality: Criticality = Criticality.INTERACTIVE


@dataclass(frozen=True, slots=True)
class Found:
    """What an answer said, as far as it can be checked.

    Attributes:
        hits: product, category and similarity, best first.
        shards: category and state of each planned shard.
        probabilities: of the shards, in the same order.
        share: the probability mass that answered.
        partial: whether it says that something is missing.
        rung: how far the service had degraded.
        snapshot_id: what was searched.
        categories: the classifier's view; nothing when it was not asked or lost.
    """

    hits: tuple[tuple[str, str, float], ...]
    shards: tuple[tuple[str, str], ...]
    probabilities: tuple[float, ...]
    share: float
    partial: bool
    rung: str
    snapshot_id: str
    categories: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a question.

    Attributes:
        question: which one.
        late_by: how much later than intended it was sent: the load generator's own lag, seconds.
        seconds: from sending to the end.
        found: the answer; None for an error.
        code: the error's gRPC status code; "OK" for an answer.
        reason: the error's reason.
        says_when: whether an error says when to come back.
    """

    question: Question
    late_by: float
    seconds: float
    found: Found | None
    code: str = "OK"
    reason: str = ""
    says_when: bool = False


@dataclass(frozen=True)
class History:
    """What became of a load.

    Attributes:
        outcomes: all of them, by their questions' numbers.
        faults: with the times at which they began.
        lags: the times at which the load generator's own event loop came late to what was due, and by how much.
    """

    outcomes: Sequence[Outcome]
    faults: Sequence[tuple[float, str]] = ()
    lags: Sequence[tuple[float, float]] = ()

    def lag_during(self, outcome: Outcome) -> float:
        """Return the worst lag while an answer was waited for, seconds: by so much it may have been seen late."""
        sent = outcome.question.at + outcome.late_by
        end = sent + outcome.seconds
        return max((lag for at, lag in self.lags if at >= sent and at - lag <= end), default=0.0)

    @property
    def lagging_share(self) -> float:
        """Return the share of the time in which the load generator was late itself."""
        end = max((each.question.at for each in self.outcomes), default=0.0)
        return sum(lag for _, lag in self.lags) / max(1.0, end)

    @property
    def full(self) -> list[Outcome]:
        """Answers from which nothing is missing."""
        return [each for each in self.outcomes if each.found is not None and not each.found.partial]

    @property
    def failed(self) -> list[Outcome]:
        """Questions without an answer."""
        return [each for each in self.outcomes if each.found is None]

    def between(self, start: float, end: float) -> "History":
        """Return what was asked in a time."""
        return replace(self, outcomes=[each for each in self.outcomes if start <= each.question.at < end])

    def write(self, path: Path) -> None:
        """Write a line of JSON per outcome."""
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [json.dumps({"at": at, "fault": what}) for at, what in self.faults]
        path.write_text("\n".join([*lines, *(json.dumps(asdict(each)) for each in self.outcomes)]) + "\n")


def poisson(rate: float, seconds: float, seed: int, *like: Question) -> Iterator[Question]:
    """Yield questions at random times, `rate` a second on average; what they ask is drawn from `like`."""
    times = send_times(Poisson(rate=rate, seconds=seconds), seed)
    plan = make_plan([times], [1.0] * len(like), PHOTOS, seed + 1)
    for number, (at, kind, of) in enumerate(
        zip(times.tolist(), plan.kinds.tolist(), plan.photos.tolist(), strict=True)
    ):
        yield replace(like[kind], number=number, at=at, photo=of)


MIXED = (
    Question(0, 0.0, 0),
    Question(0, 0.0, 0, top_k=9),
    Question(0, 0.0, 0, Policy.ALL),
    Question(0, 0.0, 0, Policy.TOP_1),
    Question(0, 0.0, 0, Policy.TOP_P),
    Question(0, 0.0, 0, Policy.BASELINE),
    Question(0, 0.0, 0, timeout_seconds=0.1),
    Question(0, 0.0, 0, criticality=Criticality.BATCH),
)
"""Every policy, short deadlines, and jobs."""


async def asked(target: str, questions: Sequence[Question]) -> History:
    """Send each question at its time, whatever becomes of those before it, and return what became of all."""
    for seed in range(PHOTOS):
        photo(seed)  # drawn before the clock runs
    client, outcomes, lags = AisleClient(target), list[Outcome](), list[tuple[float, float]]()
    began = time.monotonic()
    lag = LoopLag(lambda seconds: lags.append((time.monotonic() - began, seconds)) if seconds > _NOTABLE_LAG else None)

    async def ask(question: Question) -> None:
        sent = time.monotonic()
        late_by = sent - began - question.at
        options: SearchOptions = {
            "policy": question.policy,
            "top_k": question.top_k,
            "criticality": question.criticality,
        }
        try:
            result = await client.search(photo(question.photo), timeout_seconds=question.timeout_seconds, **options)
        except AisleError as error:
            says_when = error.retry_after_seconds is not None
            took = time.monotonic() - sent
            outcomes.append(Outcome(question, late_by, took, None, error.code, error.reason, says_when))
        else:
            outcomes.append(Outcome(question, late_by, time.monotonic() - sent, found_in(result)))

    try:
        async with asyncio.TaskGroup() as group:

            async def begin(number: int, _due: float) -> bool:
                group.create_task(ask(questions[number]))
                return True

            await begin_at((began + question.at for question in questions), begin)
    finally:
        await lag.close()
        await client.close()
    return History(sorted(outcomes, key=lambda each: each.question.number), lags=lags)


def found_in(result: SearchResult) -> Found:
    """Keep what can be checked."""
    shards = result.coverage.shards
    return Found(
        hits=tuple((hit.product_id, hit.category, hit.similarity) for hit in result.hits),
        shards=tuple((shard.category, shard.state.value) for shard in shards),
        probabilities=tuple(shard.probability for shard in shards),
        share=result.coverage.share,
        partial=result.coverage.partial,
        rung=result.rung.value,
        snapshot_id=result.snapshot_id,
        categories=tuple((each.category, each.probability) for each in result.categories),
    )
