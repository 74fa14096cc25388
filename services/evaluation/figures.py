"""From observations to the other figures: latencies, stages, counts, categories and their confusions. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from math import floor
from statistics import fmean, median

from services.client.types import Policy
from services.evaluation.metrics import percentiles, recall_at_k
from services.evaluation.observation import Observation, Query
from services.evaluation.quality import ByPolicy, Quality
from services.evaluation.schema import METRICS, CategoryReport, Confusion, Histogram, Latency, PolicyReport

_CONFUSIONS = 10
_MAX_BINS = 64
_BIN_WIDTHS_MS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0)
_TAIL_PERCENT = 99.0  # one answer in a hundred may lie beyond the last bin, else a single stall flattens the picture


def policy_report(
    policy: Policy,
    queries: Sequence[Query],
    observations: Sequence[Observation],
    quality: Quality | None,
) -> PolicyReport:
    """Return one policy's figures.

    Args:
        policy: the policy.
        queries: what was asked.
        observations: what came back under this policy, in the order of the queries.
        quality: all policies' product figures; None when no photo has a product.
    """
    answers = [each for each in observations if each.outcome != "error"]
    figures: dict[str, float | None] = dict.fromkeys(METRICS)
    if quality:
        figures |= quality.figures(policy)
    return PolicyReport(
        **figures,
        intervals=quality.intervals(policy) if quality else None,
        category_at_1=fmean(_best_is_of_right_category(queries[each.query], each) for each in observations),
        mean_shards_searched=fmean(len(each.searched) for each in answers) if answers else 0.0,
        latency_ms=latency(each.latency_ms for each in answers),
        overhead_ms=latency(each.overhead_ms for each in answers if each.overhead_ms is not None),
        stages_ms_p50=_median_stages(answers),
        answers=len(answers),
        partial=sum(each.outcome == "partial" for each in answers),
        errors=len(observations) - len(answers),
        error_reasons=dict(Counter(each.error for each in observations if each.error).most_common()),
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


def predictions(queries: Sequence[Query], by_policy: ByPolicy) -> list[tuple[Query, str]]:
    """Return each photo that the classifier judged with its likeliest category.

    The classifier sees the same pixels under every policy, so the first policy that asked it stands for all.
    """
    predicted: dict[int, str] = {}
    for observations in by_policy.values():
        for each in observations:
            if each.predicted:
                predicted.setdefault(each.query, each.predicted[0])
    return [(queries[number], category) for number, category in sorted(predicted.items())]


def accuracy(predicted: Sequence[tuple[Query, str]]) -> float | None:
    """Return the share of photos whose likeliest category is right; None without any."""
    return fmean(category in query.categories for query, category in predicted) if predicted else None


def confusions(predicted: Sequence[tuple[Query, str]]) -> list[Confusion]:
    """Return the most frequent mistakes of the classifier."""
    wrong = Counter(
        (query.categories[0], category) for query, category in predicted if category not in query.categories
    )
    return [
        Confusion(category=category, predicted=taken_for, queries=count)
        for (category, taken_for), count in wrong.most_common(_CONFUSIONS)
    ]


def category_reports(
    queries: Sequence[Query], by_policy: ByPolicy, predicted: Sequence[tuple[Query, str]]
) -> list[CategoryReport]:
    """Return the figures of each category, the one with most photos first."""
    members: dict[str, list[int]] = defaultdict(list)
    for number, query in enumerate(queries):
        members[query.categories[0]].append(number)
    judged: dict[str, list[tuple[Query, str]]] = defaultdict(list)
    for query, category in predicted:
        judged[query.categories[0]].append((query, category))
    return [
        CategoryReport(
            category=category,
            queries=len(numbers),
            classifier_top1_accuracy=accuracy(judged[category]),
            recall_at_1={
                policy.value: _recall_at_1([(queries[number], observations[number]) for number in numbers])
                for policy, observations in by_policy.items()
            },
        )
        for category, numbers in sorted(members.items(), key=lambda entry: (-len(entry[1]), entry[0]))
    ]


def _recall_at_1(pairs: Iterable[tuple[Query, Observation]]) -> float | None:
    recalls = [recall_at_k(seen.ranks, len(query.products), 1) for query, seen in pairs if query.products]
    return fmean(recalls) if recalls else None


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
