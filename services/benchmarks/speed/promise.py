"""The promises about speed, row by row, from what was measured. Pure."""

from collections.abc import Mapping

from services.benchmarks.targets import Target

SOAK_MINUTES = 30.0
"""How long a run is to be before its end says anything about the days after it."""
_NOT_VOUCHED_FOR = "runs not vouched for"


def latency_target(ratio: float) -> Target:
    """A photo takes hardly longer than its work does: p50 at one in flight to the limit's."""
    return _at_most("end-to-end p50 at one in flight to the limit's", {"ratio": 1.30}, {"ratio": ratio})


def throughput_target(ratio: float, not_vouched_for: int) -> Target:
    """Most of what the machine can do reaches callers.

    Args:
        ratio: photos a second at the knee to the limit's.
        not_vouched_for: searches for the knee that the load generator has doubts about.
    """
    return Target(
        "photos a second at the knee (p99 250 ms) to the limit's",
        {"ratio": 0.75, _NOT_VOUCHED_FOR: 0.0},
        {"ratio": ratio, _NOT_VOUCHED_FOR: float(not_vouched_for)},
        at_most=(_NOT_VOUCHED_FOR,),
    )


def own_work_target(p50_ms: float) -> Target:
    """The gateway's own work: all but the slower model and each wave's slowest shard."""
    return _at_most("the gateway's own work, p50", {"ms": 2.0}, {"ms": p50_ms})


def ceiling_target(photos_per_second: float) -> Target:
    """What one gateway process can do when models and shards cost nothing."""
    name = "one gateway before stubs, photos of 30 kB a second"
    return Target(name, {"photos": 400.0}, {"photos": photos_per_second})


def one_backbone_target(ratio: float) -> Target:
    """One network for both models: photos a second to those of two models."""
    return Target("photos a second with one backbone to two models'", {"ratio": 1.25}, {"ratio": ratio})


def cascade_target(two_models: float, one_backbone: float) -> Target:
    """What the cascade costs the machine: processor time of all processes for a photo, to the baseline's.

    Args:
        two_models: ADAPTIVE's ratio, with the demo's models.
        one_backbone: TOP_1's, with both models in one.
    """
    value = {"two models": two_models, "one backbone": one_backbone}
    reach = {"two models": 1.5, "one backbone": 1.05}
    return _at_most("processor time of a photo, cascade to baseline", reach, value)


def start_target(gateway_seconds: float, searcher_seconds: float) -> Target:
    """A process soon serves: the gateway, and a searcher of 60,000 vectors."""
    value = {"gateway": gateway_seconds, "searcher": searcher_seconds}
    return _at_most("start to SERVING in seconds", {"gateway": 2.0, "searcher": 3.0}, value)


def memory_target(gateway_bytes: int, searcher_bytes: int) -> Target:
    """What processes keep in memory, a searcher's mapped index left out."""
    value = {"gateway": gateway_bytes / 1e6, "searcher": searcher_bytes / 1e6}
    return _at_most("resident memory in MB", {"gateway": 200.0, "searcher": 150.0}, value)


def soak_target(
    minutes: float, memory_ratios: Mapping[str, float], p99_ratio: float, errors: int, not_vouched_for: int
) -> Target:
    """Nothing grows and nothing slows down in a long run at 80 % of the knee.

    Args:
        minutes: how long the run was, whatever was asked for.
        memory_ratios: by kind of process, the last five minutes to the first.
        p99_ratio: the same of the tail latency.
        errors: photos without an answer.
        not_vouched_for: 1 when the load generator has doubts about the run, else 0.
    """
    memory = {f"{kind}'s memory": ratio for kind, ratio in memory_ratios.items()}
    at_most = {**dict.fromkeys(memory, 1.02), "p99": 1.1, "errors": 0.0, _NOT_VOUCHED_FOR: 0.0}
    value = {**memory, "p99": p99_ratio, "errors": float(errors), _NOT_VOUCHED_FOR: float(not_vouched_for)}
    return Target(
        "a long run at 80 % of the knee, the last five minutes to the first",
        {"minutes": SOAK_MINUTES, **at_most},
        {"minutes": minutes, **value},
        at_most=tuple(at_most),
    )


def _at_most(name: str, reach: dict[str, float], value: dict[str, float]) -> Target:
    return Target(name, reach, value, at_most=tuple(reach))
