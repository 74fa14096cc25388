"""What k8s/monitoring asks of Prometheus, and what processes show it."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import promql_parser
import yaml
from prometheus_client.parser import text_string_to_metric_families

ROOT = Path(__file__).parents[2]
MONITORING = ROOT / "k8s" / "monitoring"
_VARIABLES = {"$__rate_interval": "5m", "$namespace": ".*"}


@dataclass(frozen=True, slots=True)
class Asked:
    """An expression of PromQL, and where it stands."""

    where: str
    expression: str


def rule_groups(name: str) -> list[dict[str, Any]]:
    """Return the groups of a PrometheusRule, as Prometheus itself takes them."""
    groups: list[dict[str, Any]] = yaml.safe_load((MONITORING / f"{name}.yaml").read_text())["spec"]["groups"]
    return groups


def rules(name: str) -> Iterator[dict[str, Any]]:
    """Yield the rules of a PrometheusRule."""
    for group in rule_groups(name):
        yield from group["rules"]


def dashboards() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each dashboard with the name of its file."""
    for file in sorted((MONITORING / "dashboards").glob("*.json")):
        yield file.name, json.loads(file.read_text())


def asked() -> Iterator[Asked]:
    """Yield every expression: of rules, alerts, dashboards, and the adapter that serves autoscalers."""
    for name in ("recording", "alerts"):
        for rule in rules(name):
            yield Asked(f"{name}: {rule.get('alert') or rule['record']}", rule["expr"])
    for file, dashboard in dashboards():
        for panel in dashboard["panels"]:
            for target in panel["targets"]:
                yield Asked(f"{file}: {panel['title']}", _without_variables(target["expr"]))
    adapter = yaml.safe_load((ROOT / "k8s" / "metrics-adapter" / "rules.yaml").read_text())
    for rule in adapter["rules"]["custom"]:
        yield Asked(f"adapter: {rule['name']['as']}", rule["seriesQuery"])
        query = rule["metricsQuery"].replace("<<.Series>>", rule["seriesQuery"].partition("{")[0])
        query = query.replace("<<.LabelMatchers>>", 'namespace="n"').replace("<<.GroupBy>>", "pod")
        yield Asked(f"adapter: {rule['name']['as']}", query)


def adapted() -> set[str]:
    """Return the metrics that the adapter serves to autoscalers."""
    adapter = yaml.safe_load((ROOT / "k8s" / "metrics-adapter" / "rules.yaml").read_text())
    return {rule["name"]["as"] for rule in adapter["rules"]["custom"]}


def autoscaled() -> set[str]:
    """Return the metrics that autoscalers go by."""
    names = set()
    for file in sorted((ROOT / "k8s").rglob("*.yaml")):
        names.update(re.findall(r"\bmetric:\s*\n\s*name: (\w+)", file.read_text()))
    return names


def selected(expression: str) -> Iterator[tuple[str, set[str], Mapping[str, str]]]:
    """Yield each metric of an expression with the labels it is chosen or grouped by, and the values it must equal."""
    tree = promql_parser.parse(expression)
    yield from _selected(tree, set())


def _selected(node: Any, grouped: set[str]) -> Iterator[tuple[str, set[str], Mapping[str, str]]]:
    match node:
        case promql_parser.VectorSelector():
            matchers = node.matchers.matchers
            equal = {each.name: each.value for each in matchers if each.op == promql_parser.MatchOp.Equal}
            assert node.name is not None, "a selector without a metric's name asks for everything"
            yield node.name, grouped | {each.name for each in matchers}, equal
        case promql_parser.MatrixSelector():
            yield from _selected(node.vector_selector, grouped)
        case promql_parser.AggregateExpr():
            modifier = node.modifier
            # Grouping twice: only what the inner one keeps can the outer one ask for, so the inner one's labels count.
            yield from _selected(node.expr, set(modifier.labels) if modifier else set())
        case promql_parser.BinaryExpr():
            yield from _selected(node.lhs, grouped)
            yield from _selected(node.rhs, grouped)
        case promql_parser.Call():
            for argument in node.args:
                yield from _selected(argument, grouped)
        case promql_parser.ParenExpr() | promql_parser.UnaryExpr() | promql_parser.SubqueryExpr():
            yield from _selected(node.expr, grouped)


def _without_variables(expression: str) -> str:
    for variable, value in _VARIABLES.items():
        expression = expression.replace(variable, value)
    return expression


Shown = Mapping[str, Mapping[str, set[str]]]
"""Per metric and label the values that were seen; a metric without samples has no labels."""


def shown(*pages: str) -> Shown:
    """Read what processes show at `/metrics`."""
    seen: dict[str, dict[str, set[str]]] = {}
    for page in pages:
        for family in text_string_to_metric_families(page):
            for sample in family.samples:
                # The parser adds this to counters that lack it, as Triton's do; Prometheus does not.
                name = sample.name if f"\n{sample.name}" in page else sample.name.removesuffix("_total")
                labels = seen.setdefault(name, defaultdict(set))
                for label, value in sample.labels.items():
                    labels[label].add(value)
    return seen


def families(*pages: str) -> set[str]:
    """Return the names of what processes show, without what Prometheus adds to those of counters and histograms."""
    return {family.name for page in pages for family in text_string_to_metric_families(page)}


def unknown(expressions: Iterable[Asked], seen: Shown, *, recorded: Iterable[str], added: set[str]) -> list[str]:
    """Return what is asked for and never shown.

    Args:
        expressions: what is asked.
        seen: what processes show.
        recorded: metrics that rules make; their labels are those of what they are made from.
        added: labels that Prometheus adds to whatever it reads.
    """
    made = set(recorded)
    wrong = []
    for each in expressions:
        for name, labels, values in selected(each.expression):
            if name in made or name == "up":
                continue
            if name not in seen:
                wrong.append(f"{each.where}: nobody shows {name}")
                continue
            wrong += [f"{each.where}: {name} has no {label}" for label in labels - added - seen[name].keys()]
            wrong += [
                f"{each.where}: {name} never has {label}={value}"
                for label, value in values.items()
                if label not in added and label in seen[name] and value not in seen[name][label]
            ]
    return wrong
