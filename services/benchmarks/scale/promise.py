"""The promises about scale, row by row, from what was measured. Pure."""

from collections.abc import Mapping

from services.benchmarks.scale.latency import Latency
from services.benchmarks.targets import Target


def ratios(over: Latency, under: Latency) -> dict[str, float]:
    """Return how many times as long calls take."""
    return {"p50": over.p50 / under.p50, "p99": over.p99 / under.p99}


def cascade_target(latency: Mapping[str, Latency], recall: Mapping[str, float]) -> Target:
    """The cascade costs nothing: `latency` and `recall` of `cascade` and `baseline`."""
    reach = {"p50": 1.0, "p99": 1.0, "cascade_recall": 0.98, "baseline_recall": 0.98}
    value = {
        **ratios(latency["cascade"], latency["baseline"]),
        "cascade_recall": recall["cascade"],
        "baseline_recall": recall["baseline"],
    }
    return Target("cascade to baseline, end to end; recall@10 of exact", reach, value, at_most=("p50", "p99"))


def searcher_target(remote: Latency) -> Target:
    """A call to a searcher is quick."""
    value = {"p50_ms": remote.p50, "p99_ms": remote.p99}
    return Target(
        "searcher over gRPC, one in flight", {"p50_ms": 1.2, "p99_ms": 3.0}, value, at_most=("p50_ms", "p99_ms")
    )


def overhead_target(remote: Latency, direct: Latency) -> Target:
    """A process and gRPC around FAISS cost little."""
    value = {"more_ms": remote.p50 - direct.p50}
    return Target("searcher over gRPC to FAISS in process, p50", {"more_ms": 0.8}, value, at_most=("more_ms",))


def recall_target(recall: Mapping[str, float]) -> Target:
    """Nothing is missed, whatever a filter passes."""
    return Target("recall@10 against exact, by what a filter passes", dict.fromkeys(recall, 0.98), recall)


def growth_target(latency: Mapping[str, Latency]) -> Target:
    """Ten times the gallery hardly takes longer: `cascade` to `tenth`."""
    value = {"p50": latency["cascade"].p50 / latency["tenth"].p50}
    return Target("ten times the gallery, cascade end to end", {"p50": 1.2}, value, at_most=("p50",))


def memory_target(pss_bytes: int, vector_bytes: int) -> Target:
    """The shards take little more than their vectors."""
    value = {"ratio": pss_bytes / vector_bytes}
    return Target("resident memory of all shards to their vectors", {"ratio": 1.3}, value, at_most=("ratio",))


def building_target(seconds: float) -> Target:
    """Building all shards but the baseline is a matter of minutes."""
    return Target("building all shards", {"minutes": 25.0}, {"minutes": seconds / 60}, at_most=("minutes",))


def start_target(ready_seconds: float, first_query_ms: float, steady: Latency) -> Target:
    """A searcher is soon ready, and then it is warm."""
    reach = {"ready_seconds": 5.0, "first_query": 2.0}
    value = {"ready_seconds": ready_seconds, "first_query": first_query_ms / steady.p50}
    return Target(
        "a shard ready from local disk; its first query to the steady p50", reach, value, at_most=tuple(reach)
    )


def freshness_target(visible_seconds: float) -> Target:
    """What was added is soon found."""
    value = {"visible_seconds": visible_seconds}
    return Target("adding 1,000 pictures to a shard", {"visible_seconds": 5.0}, value, at_most=("visible_seconds",))


def switching_target(errors: int, during: Latency, steady: Latency, peak_bytes: int, steady_bytes: int) -> Target:
    """Callers don't notice that the snapshot changes."""
    reach = {"errors": 0.0, "p99": 1.5, "memory": 1.3}
    value = {"errors": float(errors), "p99": during.p99 / steady.p99, "memory": peak_bytes / steady_bytes}
    return Target("switching snapshots under load", reach, value, at_most=tuple(reach))
