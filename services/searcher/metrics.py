"""What the searcher counts, for Prometheus: searches by shard, who waits, and which snapshots are in memory."""

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Gauge, Histogram
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from services.common.call_metrics import SECONDS
from services.common.children import Children
from services.common.criticality import Criticality
from services.searcher.loading import LoadedSnapshot
from services.searcher.pool import SearchPool
from services.searcher.shelf import Shelf


class SearchMetrics:
    """Counts searches, as `services.searcher.servicer.Record` says."""

    def __init__(self, registry: CollectorRegistry, most_shards: int) -> None:
        """Add them to the registry.

        Args:
            registry: where.
            most_shards: shards with figures of their own; the others share those of "other".
        """
        self._seconds = Children[str, Histogram](
            Histogram(
                "aisle_searcher_search_seconds",
                "Time of a search in its thread, waiting not included.",
                ("shard",),
                buckets=SECONDS,
                registry=registry,
            ),
            lambda shard: (shard,),
            most=most_shards,
        )
        self._waited = Children[Criticality, Histogram](
            Histogram(
                "aisle_searcher_wait_seconds",
                "Time until a search got a thread.",
                ("criticality",),
                buckets=SECONDS,
                registry=registry,
            ),
            lambda criticality: (criticality.value,),
        )
        for criticality in Criticality:
            self._waited[criticality]

    def searched(self, shard: str, criticality: Criticality, *, waited: float, seconds: float) -> None:
        """Count a search."""
        self._waited[criticality].observe(waited)
        self._seconds[shard].observe(seconds)


class SearcherState(Collector):
    """Reads the searcher's parts when somebody asks."""

    def __init__(
        self,
        registry: CollectorRegistry,
        *,
        pool: SearchPool,
        shelf: Shelf[LoadedSnapshot],
        refusals: Callable[[], int],
    ) -> None:
        """Add them to the registry.

        Args:
            registry: where.
            pool: where searches run.
            shelf: what is searched; empty until the first snapshot is loaded.
            refusals: snapshots that were not switched to, since the start.
        """
        self._shelf = shelf
        self._refusals = refusals
        for name, text, read in (
            ("in_flight", "Searches in a thread.", lambda: pool.in_flight),
            ("waiting", "Searches that wait for a thread.", lambda: pool.waiting),
            ("limit", "Searches that may be in a thread.", lambda: pool.threads),
        ):
            Gauge(f"aisle_searcher_{name}", text, registry=registry).set_function(read)
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Tell what is in memory."""
        snapshots = GaugeMetricFamily(
            "aisle_searcher_snapshot_info",
            "Snapshots in memory: 1 for the current one, 0 for those that are kept.",
            labels=("snapshot_id",),
        )
        shards = GaugeMetricFamily("aisle_searcher_shards", "Shards of the current snapshot that are served.")
        images = GaugeMetricFamily("aisle_searcher_images", "Pictures in the shards that are served.")
        seconds = GaugeMetricFamily(
            "aisle_searcher_snapshot_load_seconds",
            "Time to verify and load what a snapshot in memory did not share with those before it.",
            labels=("snapshot_id",),
        )
        files = GaugeMetricFamily(
            "aisle_searcher_files_bytes",
            "Size of the index and item files of all snapshots in memory, each counted once.",
        )
        refused = CounterMetricFamily(
            "aisle_searcher_snapshot_refusals", "Snapshots that were not switched to, since the start."
        )
        held = self._shelf.held
        for place, snapshot in enumerate(held):
            snapshots.add_metric((snapshot.snapshot_id,), float(place == 0))
            seconds.add_metric((snapshot.snapshot_id,), snapshot.load_seconds)
        served = held[0].shards.values() if held else ()
        shards.add_metric((), len(served))
        images.add_metric((), sum(shard.entry.images for shard in served))
        files.add_metric((), sum({digest: size for each in held for digest, size in each.open_files.items()}.values()))
        refused.add_metric((), self._refusals())
        yield from (snapshots, seconds, files, shards, images, refused)
