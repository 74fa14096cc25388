"""The product figures of all policies, their gains over the baseline, and the intervals of both. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Quality:
    """Mean product figures over the photos that are labelled with a product.

    Attributes:
        policies: the order of the second axis.
        means: float64 `(policies, metrics)`, metrics in the order of `schema.METRICS`.
        resampled: float64 `(draws, policies, metrics)`, the same figures of resampled photos.
    """

    policies: tuple[Policy, ...]
    means: NDArray[np.float64]
    resampled: NDArray[np.float64]

    def figures(self, policy: Policy) -> dict[str, float]:
        """Return a policy's figures by metric."""
        return dict(zip(METRICS, self.means[self.policies.index(policy)].tolist(), strict=True))

    def intervals(self, policy: Policy) -> Intervals:
        """Return how sure they are."""
        resampled = self.resampled[:, self.policies.index(policy)]
        return Intervals(**{metric: interval(resampled[:, column]) for column, metric in enumerate(METRICS)})

    def gain(self, policy: Policy, latency_ratio_p50: float | None) -> Gain:
        """Return a policy's gains over the baseline, which must be among the policies."""
        figures, baseline = self.figures(policy), self.figures(Policy.BASELINE)
        changes = {metric: gain_percent(figures[metric], baseline[metric]) for metric in METRICS}
        return Gain(
            **changes,
            mean=mean_or_none([changes[metric] for metric in MEAN_GAIN_METRICS]),
            mean_interval=self._mean_gain_interval(policy),
            latency_ratio_p50=latency_ratio_p50,
        )

    def _mean_gain_interval(self, policy: Policy) -> Interval | None:
        columns = [METRICS.index(metric) for metric in MEAN_GAIN_METRICS]
        mine = self.resampled[:, self.policies.index(policy), columns]
        baseline = self.resampled[:, self.policies.index(Policy.BASELINE), columns]
        if not baseline.all():
            return None
        return interval(((mine / baseline - 1) * 100).mean(axis=1))


def measure_quality(queries: Sequence[Query], by_policy: ByPolicy, seed: int) -> Quality | None:
    """Judge all answers; None when no photo is labelled with a product.

    An error has found nothing: leaving it out would reward a policy for failing on hard photos.
    """
    judged = [number for number, query in enumerate(queries) if query.products]
    if not judged:
        return None
    rows = [
        [_judge(queries[number], observations[number])[column] for number in judged]
        for observations in by_policy.values()
        for column in range(len(METRICS))
    ]
    figures = np.array(rows, np.float64)
    shape = (len(by_policy), len(METRICS))
    return Quality(
        tuple(by_policy), figures.mean(axis=1).reshape(shape), resampled_means(figures, seed).reshape(-1, *shape)
    )


def _judge(query: Query, observation: Observation) -> tuple[float, ...]:
    """Return the figures of one answer in the order of `METRICS`."""
    ranks, relevant = observation.ranks, len(query.products)
    recalls = (recall_at_k(ranks, relevant, k) for k in (1, 5, 10))
    return (*recalls, average_precision(ranks, relevant), reciprocal_rank(ranks))
