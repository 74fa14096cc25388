"""From tallies to the figures of a report. Pure."""

from typing import NamedTuple

from services.loadtest.histogram import Histogram
from services.loadtest.schema import Figures, KindFigures, Latency, Outcomes, Second, StageTime
from services.loadtest.slo import QUANTILES
from services.loadtest.tally import RECALL_AT, Outcome, Tally
from services.loadtest.verdict import enough


class CoresInUse(NamedTuple):
    """Who used how many cores in a second; None for what is not known."""

    server: float | None
    client: float | None
    others: float | None


def latency(histogram: Histogram) -> Latency | None:
    """Return the quantiles that there are enough times for, and the longest; None without any."""
    if not histogram.count:
        return None
    told = {name: quantile for name, quantile in QUANTILES.items() if enough(histogram.count, quantile)}
    return Latency(
        **{name: histogram.quantile_ms(told[name]) if name in told else None for name in QUANTILES},
        max=histogram.max_ms,
    )


def outcomes(tally: Tally) -> Outcomes:
    """Return the photos by what became of them."""
    return Outcomes(**{outcome.value: tally.outcomes[outcome] for outcome in Outcome})


def figures(tally: Tally, seconds: float) -> Figures:
    """Return all that is told of some photos.

    Args:
        tally: of the photos.
        seconds: in which they were due.
    """
    answers = tally.answers
    return Figures(
        latency_ms=latency(tally.latency),
        failure_ms=latency(tally.failure),
        outcomes=outcomes(tally),
        codes=dict(tally.codes.most_common()),
        error_reasons=dict(tally.reasons.most_common()),
        rungs=dict(tally.rungs.most_common()),
        missing_shards=dict(tally.missing_shards.most_common()),
        goodput_rps=tally.in_time / seconds,
        goodput_share=tally.in_time / max(1, tally.photos),
        coverage=tally.coverage / answers if answers else None,
        recall_queries=tally.judged[1],
        **{
            f"recall_at_{first}": tally.recall[first] / tally.judged[first] if tally.judged[first] else None
            for first in RECALL_AT
        },
    )


def kind(name: str, tally: Tally, seconds: float) -> KindFigures:
    """Return the figures of one kind of the mix."""
    return KindFigures(kind=name, **dict(figures(tally, seconds)))


def stages(tally: Tally) -> dict[str, StageTime]:
    """Return the times of each stage, as the gateway told them in its answers."""
    return {
        stage: StageTime(
            answers=histogram.count,
            p50=histogram.quantile_ms(0.5),
            p99=histogram.quantile_ms(0.99) if enough(histogram.count, 0.99) else None,
        )
        for stage, histogram in tally.stages.items()
    }


def second(at: int, tally: Tally, offered: int, used: CoresInUse) -> Second:
    """Return one second's figures; its quantiles are of few answers, and only show where something happened."""
    times = tally.latency
    return Second(
        at=at,
        offered=offered,
        outcomes=outcomes(tally),
        in_time=tally.in_time,
        p50_ms=times.quantile_ms(0.5) if times.count else None,
        p90_ms=times.quantile_ms(0.9) if times.count else None,
        p99_ms=times.quantile_ms(0.99) if times.count else None,
        max_ms=times.max_ms if times.count else None,
        coverage=tally.coverage,
        recall_queries=tally.judged[1],
        recall_at_1=tally.recall.get(1, 0.0),
        server_cores=used.server,
        client_cores=used.client,
        others_cores=used.others,
        latency_histogram=times.encode(),
    )
