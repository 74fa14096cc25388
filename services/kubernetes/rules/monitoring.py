"""What is measured is scraped, once, and rules compute what alerts and other rules look at. Pure."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from services.kubernetes.findings import Finding, Object, where
from services.kubernetes.workloads import Workload, of_kind, selects, workloads

_RULE: Final = "monitoring"
_PORT: Final = "metrics"
_RECORDED: Final = re.compile(r"\baisle:\w+(?::\w+)*")
"""Names of recorded series, as expressions have them."""


def findings(objects: Sequence[Object]) -> Iterator[Finding]:
    """Yield what nobody would see, or see twice; nothing for an overlay that has no monitoring."""
    monitors, servers = of_kind(objects, "PodMonitor"), [each for each in workloads(objects) if each.serves]
    for monitor in monitors:
        for message in _of_monitor(monitor, servers):
            yield Finding(where(monitor), _RULE, message)
    for workload in servers:
        times = sum(_scrapes(monitor, workload) for monitor in monitors)
        if monitors and workload.port_number(_PORT) is not None and times != 1:
            yield Finding(workload.where, _RULE, f"{times} PodMonitors are about its port {_PORT}; let it be one")
    yield from _of_rules(of_kind(objects, "PrometheusRule"))


def _of_monitor(monitor: Object, servers: Sequence[Workload]) -> Iterator[str]:
    found = [workload for workload in servers if selects(monitor["spec"]["selector"], workload.labels)]
    if not found:
        yield "it is about no pod that there is"
    for workload in found:
        for endpoint in monitor["spec"]["podMetricsEndpoints"]:
            if workload.port_number(endpoint["port"]) is None:
                yield f"it asks port {endpoint['port']}, which {workload.where} does not declare"
        label = monitor["spec"].get("jobLabel")
        if label is not None and label not in workload.labels:
            yield f"its jobLabel {label} is no label of {workload.where}: alerts would not find its figures"


def _scrapes(monitor: Object, workload: Workload) -> bool:
    return selects(monitor["spec"]["selector"], workload.labels) and any(
        endpoint["port"] == _PORT for endpoint in monitor["spec"]["podMetricsEndpoints"]
    )


def _of_rules(objects: Sequence[Object]) -> Iterator[Finding]:
    rules = [(each, rule) for each in objects for group in each["spec"]["groups"] for rule in group["rules"]]
    recorded = {rule.get("record") for _, rule in rules}
    for each, rule in rules:
        for name in sorted(set(_RECORDED.findall(str(rule["expr"]))) - recorded):
            told = rule.get("alert") or rule.get("record")
            yield Finding(where(each), _RULE, f"{told} looks at {name}, which no rule records")
