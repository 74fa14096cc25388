"""The promises about a cluster, row by row, from what was measured. Pure."""

from services.benchmarks.targets import Target


def manifests_target(schema_findings: int, policy_findings: int, seconds: float) -> Target:
    """Every overlay, rendered for 32 shards, is as an API server and we want it; rendering is quick."""
    value = {"schema_findings": float(schema_findings), "policy_findings": float(policy_findings), "seconds": seconds}
    return _at_most(
        "manifests of every overlay, 32 shards", {"schema_findings": 0, "policy_findings": 0, "seconds": 2.0}, value
    )


def share_target(deviation: float) -> Target:
    """A new searcher, Triton and gateway has its share a minute after DNS knows it."""
    name = "a new replica's share of traffic within 60 s, the worst one's distance from the fair one"
    return _at_most(name, {"deviation": 0.2}, {"deviation": deviation})


def drained_target(calls: int) -> Target:
    """A searcher or gateway that drains is left alone."""
    return _at_most("a drained replica, 1 s after NOT_SERVING", {"calls": 0}, {"calls": float(calls)})


def tls_target(added_ms: float) -> Target:
    """Encryption, certificates and the access file cost a hop little."""
    return _at_most("TLS on against off at one in flight, per hop", {"p50_ms": 0.5}, {"p50_ms": added_ms})


def rotation_target(failed: int, *, old_opens: bool) -> Target:
    """Certificates and tokens change under load, and no call fails; what is old opens nothing any more."""
    value = {"failed": float(failed), "old_opens": float(old_opens)}
    return _at_most("certificates and tokens rotated under load", {"failed": 0, "old_opens": 0}, value)


def refusals_target(let_through: int, otherwise: int, uncounted: int) -> Target:
    """Who shows nothing, or the wrong thing, gets nothing, hears why, and is counted."""
    value = {"let_through": float(let_through), "otherwise": float(otherwise), "uncounted": float(uncounted)}
    return _at_most("wrong tokens, certificates and rights", dict.fromkeys(value, 0.0), value)


def _at_most(name: str, reach: dict[str, float], value: dict[str, float]) -> Target:
    return Target(name, reach, value, at_most=tuple(reach))
