"""Children of a metric, made once for each label value, and no more of them than Prometheus can bear."""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from prometheus_client.metrics import MetricWrapperBase

K = TypeVar("K", bound=Hashable)
M = TypeVar("M", bound=MetricWrapperBase)

OTHER = "other"
"""The value that stands for all beyond the limit."""


class Children(dict[K, M], Generic[K, M]):
    """A metric's children by what their labels are made of: a look into a dictionary instead of `labels` each time.

    Labels are never made of what a request says freely: each value would be a series of its own, for ever.
    """

    def __init__(self, metric: M, values: Callable[[K], tuple[str, ...]], *, most: int | None = None) -> None:
        """Create it, empty.

        Args:
            metric: has labels.
            values: of the labels, in their order; of one that is limited, the limited value comes first.
            most: different first values that get a child of their own; those that come after them share `OTHER`'s.
        """
        super().__init__()
        self._metric = metric
        self._values = values
        self._most = most
        self._named: set[str] = set()

    def __missing__(self, key: K) -> M:
        first, *others = self._values(key)
        child = self[key] = self._metric.labels(self._limited(first), *others)
        return child

    def _limited(self, value: str) -> str:
        if self._most is None or value in self._named:
            return value
        if len(self._named) >= self._most:
            return OTHER
        self._named.add(value)
        return value
