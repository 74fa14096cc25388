"""The product figures of all policies, their gains over the baseline, and the intervals of both. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from services.client.types import Policy
from services.evaluation.metrics import (
    average_precision,
    gain_percent,
    interval,
    mean_or_none,
    recall_at_k,
    reciprocal_rank,
    resampled_means,
)
from services.evaluation.observation import Observation, Query
from services.evaluation.schema import MEAN_GAIN_METRICS, METRICS, Gain, Interval, Intervals

ByPolicy = Mapping[Policy, Sequence[Observation]]
"""Each policy's observations: one per query, in the order of the queries."""

ORACLE = "oracle"
"""The name of TOP_1 with a perfect classifier, which is no policy of the gateway."""


@dataclass(frozen=True)
class Quality:
    """Mean product figures over the photos that are labelled with a product.

    Attributes:
        names: of the policies and of what else is compared: the order of the second axis.
        means: float64 `(names, metrics)`, metrics in the order of `schema.METRICS`.
        resampled: float64 `(draws, names, metrics)`, the same figures of resampled photos.
    """

    names: tuple[str, ...]
    means: NDArray[np.float64]
    resampled: NDArray[np.float64]

    def figures(self, name: str) -> dict[str, float]:
        """Return one's figures by metric."""
        return dict(zip(METRICS, self.means[self.names.index(name)].tolist(), strict=True))

    def intervals(self, name: str) -> Intervals:
        """Return how sure they are."""
        resampled = self.resampled[:, self.names.index(name)]
        return Intervals(**{metric: interval(resampled[:, column]) for column, metric in enumerate(METRICS)})

    def gain(self, name: str, latency_ratio_p50: float | None = None) -> Gain:
        """Return one's gains over the baseline, which must be among the names."""
        figures, baseline = self.figures(name), self.figures(Policy.BASELINE)
        changes = {metric: gain_percent(figures[metric], baseline[metric]) for metric in METRICS}
        return Gain(
            **changes,
            mean=mean_or_none([changes[metric] for metric in MEAN_GAIN_METRICS]),
            mean_interval=self._mean_gain_interval(name),
            latency_ratio_p50=latency_ratio_p50,
        )

    def _mean_gain_interval(self, name: str) -> Interval | None:
        columns = [METRICS.index(metric) for metric in MEAN_GAIN_METRICS]
        mine = self.resampled[:, self.names.index(name), columns]
        baseline = self.resampled[:, self.names.index(Policy.BASELINE), columns]
        if not baseline.all():
            return None
        return interval(((mine / baseline - 1) * 100).mean(axis=1))


def measure_quality(
    queries: Sequence[Query], by_name: Mapping[str, Sequence[Observation]], seed: int
) -> Quality | None:
    """Judge all answers; None when no photo is labelled with a product.

    Args:
        queries: what was asked.
        by_name: for each policy, or what else is compared, one observation per query in the order of the queries.
        seed: decides the bootstrap.

    An error has found nothing: leaving it out would reward a policy for failing on hard photos.
    """
    judged = [number for number, query in enumerate(queries) if query.products]
    if not judged:
        return None
    rows = [
        [_judge(queries[number], observations[number])[column] for number in judged]
        for observations in by_name.values()
        for column in range(len(METRICS))
    ]
    figures = np.array(rows, np.float64)
    shape = (len(by_name), len(METRICS))
    return Quality(
        tuple(by_name), figures.mean(axis=1).reshape(shape), resampled_means(figures, seed).reshape(-1, *shape)
    )


def mean_figures(queries: Sequence[Query], observations: Sequence[Observation]) -> dict[str, float]:
    """Return the means, by metric, over observations of photos with a product; there is at least one."""
    rows = np.array([_judge(queries[seen.query], seen) for seen in observations], np.float64)
    return dict(zip(METRICS, rows.mean(axis=0).tolist(), strict=True))


def _judge(query: Query, observation: Observation) -> tuple[float, ...]:
    """Return the figures of one answer in the order of `METRICS`."""
    ranks, relevant = observation.ranks, len(query.products)
    recalls = (recall_at_k(ranks, relevant, k) for k in (1, 5, 10))
    return (*recalls, average_precision(ranks, relevant), reciprocal_rank(ranks))


def mean_shards(observations: Sequence[Observation]) -> float:
    """Return the mean number of shards whose hits are in an answer, over answers; 0 without any."""
    counts = [len(seen.searched) for seen in observations if seen.outcome != "error"]
    return fmean(counts) if counts else 0.0
