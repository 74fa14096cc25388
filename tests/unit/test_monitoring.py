"""Alerts have runbooks, dashboards can be read, and what they ask is PromQL that asks only for what is recorded."""

import re
from collections import Counter

import yaml

from tests.support.monitoring import MONITORING, ROOT, adapted, asked, autoscaled, dashboards, rules, selected


def _anchors() -> list[str]:
    page = (ROOT / "docs" / "runbooks.md").read_text(encoding="utf-8")
    return [title.lower() for title in re.findall(r"^## (\w+)$", page, re.MULTILINE)]


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    """Whoever is woken finds what to do under the alert's name."""
    for rule in rules("alerts"):
        assert rule["annotations"]["runbook"] == f"docs/runbooks.md#{rule['alert'].lower()}"
        assert rule["annotations"]["summary"]
        assert rule["labels"]["severity"] in {"page", "ticket"}
    assert sorted(_anchors()) == sorted({rule["alert"].lower() for rule in rules("alerts")})


def test_what_rules_record_is_asked_for_and_what_is_asked_for_is_recorded() -> None:
    """A rule that nobody reads costs, and an alert on a series that nobody records never fires."""
    recorded = [rule["record"] for rule in rules("recording")]
    wanted = {name for each in asked() for name, _, _ in selected(each.expression) if name.startswith("aisle:")}
    assert [name for name, times in Counter(recorded).items() if times > 1] == []
    assert wanted == set(recorded)


def test_autoscalers_go_by_what_the_adapter_serves() -> None:
    """Neither more nor less."""
    assert autoscaled() == adapted()


def test_dashboards_are_found_by_name_and_can_be_imported_anywhere() -> None:
    """Each has an id of its own, a source that is chosen when it is opened, and panels that say what they show."""
    listed = yaml.safe_load((MONITORING / "kustomization.yaml").read_text())["configMapGenerator"][0]["files"]
    found = dict(dashboards())
    assert [f"dashboards/{name}" for name in sorted(found)] == sorted(listed)
    for name, dashboard in found.items():
        assert name == f"{dashboard['uid']}.json"
        assert {variable["name"] for variable in dashboard["templating"]["list"]} == {"datasource", "namespace"}
        assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
        for panel in dashboard["panels"]:
            assert panel["description"]
            assert panel["datasource"]["uid"] == "${datasource}"
            assert all("$namespace" in target["expr"] for target in panel["targets"])
