"""From observations to the other figures: latencies, stages, counts and categories. Pure."""

from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from math import floor
from statistics import fmean, median

from services.client.types import Policy
from services.evaluation.classification import Prediction, accuracy
from services.evaluation.losses import Reasons, losses
from services.evaluation.metrics import percentiles, recall_at_k
from services.evaluation.observation import Observation, Query
from services.evaluation.quality import ByPolicy, Quality, mean_shards
from services.evaluation.reliability import reliability, score_judgements, verdicts
from services.evaluation.schema import METRICS, CategoryReport, Histogram, Latency, PolicyReport, Reason

_MAX_BINS = 64
_BIN_WIDTHS_MS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0)
_TAIL_PERCENT = 99.0  # one answer in a hundred may lie beyond the last bin, else a single stall flattens the picture


def policy_report(
    policy: Policy,
    queries: Sequence[Query],
    observations: Sequence[Observation],
    *,
    quality: Quality | None,
    gallery: Container[str],
    whys: Mapping[int, Reason],
) -> PolicyReport:
    """Return one policy's figures.

    Args:
        policy: the policy.
        queries: what was asked.
        observations: what came back under this policy, in the order of the queries.
        quality: all policies' product figures; None when no photo has a product.
        gallery: the products of the catalogue.
        whys: why each photo's product stands where it does.
    """
    answers = [each for each in observations if each.outcome != "error"]
    figures: dict[str, float | None] = dict.fromkeys(METRICS)
    if quality:
        figures |= quality.figures(policy)
    return PolicyReport(
        **figures,
        intervals=quality.intervals(policy) if quality else None,
        category_at_1=fmean(_best_is_of_right_category(queries[each.query], each) for each in observations),
        mean_shards_searched=mean_shards(observations),
        latency_ms=latency(each.latency_ms for each in answers),
        overhead_ms=latency(each.overhead_ms for each in answers if each.overhead_ms is not None),
        stages_ms_p50=_median_stages(answers),
        answers=len(answers),
        partial=sum(each.outcome == "partial" for each in answers),
        errors=len(observations) - len(answers),
        error_reasons=dict(Counter(each.error for each in observations if each.error).most_common()),
        losses=losses(observations, whys),
        score_reliability=reliability(score_judgements(queries, observations)),
        verdicts=verdicts(queries, observations, gallery),
    )


def _best_is_of_right_category(query: Query, seen: Observation) -> bool:
    return bool(seen.hits) and seen.hits[0].category in query.categories


def latency(milliseconds: Iterable[float]) -> Latency | None:
    """Return percentiles of latencies; None without any."""
    values = list(milliseconds)
    if not values:
        return None
    p50, p90, p95, p99 = percentiles(values, (50, 90, 95, 99))
    return Latency(p50=p50, p90=p90, p95=p95, p99=p99)


def _median_stages(answers: Sequence[Observation]) -> dict[str, float]:
    times: dict[str, list[float]] = defaultdict(list)
    for answer in answers:
        for stage, milliseconds in answer.stages_ms.items():
            times[stage].append(milliseconds)
    return {stage: median(values) for stage, values in times.items()}


def category_reports(
    queries: Sequence[Query], by_policy: ByPolicy, judged: Sequence[Prediction], reasons: Reasons
) -> list[CategoryReport]:
    """Return the figures of each category, the one with most photos first."""
    members: dict[str, list[int]] = defaultdict(list)
    for number, query in enumerate(queries):
        members[query.categories[0]].append(number)
    predicted: dict[str, list[Prediction]] = defaultdict(list)
    for each in judged:
        predicted[each.query.categories[0]].append(each)
    return [
        CategoryReport(
            category=category,
            queries=len(numbers),
            classifier_top1_accuracy=accuracy(predicted[category]),
            recall_at_1={
                policy.value: _recall_at_1([(queries[number], observations[number]) for number in numbers])
                for policy, observations in by_policy.items()
            },
            not_routed={policy.value: _share_not_routed(reasons[policy], numbers) for policy in by_policy},
        )
        for category, numbers in sorted(members.items(), key=lambda entry: (-len(entry[1]), entry[0]))
    ]


def _recall_at_1(pairs: Iterable[tuple[Query, Observation]]) -> float | None:
    recalls = [recall_at_k(seen.ranks, len(query.products), 1) for query, seen in pairs if query.products]
    return fmean(recalls) if recalls else None


def _share_not_routed(whys: Mapping[int, Reason], numbers: Iterable[int]) -> float | None:
    found = [whys[number] == "not_routed" for number in numbers if number in whys]
    return fmean(found) if found else None


def histogram(by_policy: ByPolicy) -> Histogram | None:
    """Count latencies in bins that suit all policies; None when nothing was answered."""
    times = {
        policy.value: [each.latency_ms for each in observations if each.outcome != "error"]
        for policy, observations in by_policy.items()
    }
    answered = [values for values in times.values() if values]
    if not answered:
        return None
    start = floor(min(min(values) for values in answered))
    end = max(percentiles(values, (_TAIL_PERCENT,))[0] for values in answered)
    width = next((width for width in _BIN_WIDTHS_MS if end - start < width * _MAX_BINS), _BIN_WIDTHS_MS[-1])
    bins = min(floor((end - start) / width) + 1, _MAX_BINS)
    return Histogram(
        start_ms=start,
        width_ms=width,
        counts={policy: _count(values, start, width, bins) for policy, values in times.items()},
    )


def _count(values: Sequence[float], start: float, width: float, bins: int) -> list[int]:
    counts = [0] * bins
    for value in values:
        counts[min(int((value - start) / width), bins - 1)] += 1
    return counts
