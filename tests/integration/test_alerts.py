"""Rules and alerts under promtool: which series raise which alert, how soon, and for how long."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from services.common.errors import Internal, reasons
from tests.support.monitoring import ROOT, rule_groups, rules

CASES = sorted((Path(__file__).parent / "alerts").glob("*.yaml"))
_FETCHED = ROOT / "build" / "promtool" / "usr" / "bin" / "promtool"


@pytest.fixture(scope="module")
def promtool() -> str:
    """Prometheus's own tool; `make promtool` fetches it."""
    found = shutil.which("promtool") or (str(_FETCHED) if os.access(_FETCHED, os.X_OK) else None)
    if found is None:
        pytest.skip("no promtool on PATH or in build/promtool: `make promtool` fetches it from Debian or Ubuntu")
    return found


@pytest.fixture(scope="module")
def rule_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the rules as files of Prometheus, without what Kubernetes puts around them.

    How often they are evaluated is up to the case: every half a minute for a week would take minutes.
    """
    folder = tmp_path_factory.mktemp("rules")
    for name in ("recording", "alerts"):
        groups = [{"name": group["name"], "rules": group["rules"]} for group in rule_groups(name)]
        (folder / f"{name}.yaml").write_text(yaml.safe_dump({"groups": groups}))
    return folder


def told(*argv: str) -> str:
    """Run promtool and return what it says; fail when it finds a fault."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_rules_and_alerts_are_sound(promtool: str, rule_files: Path) -> None:
    """Their syntax, their templates, and no rule twice."""
    files = [str(rule_files / f"{name}.yaml") for name in ("recording", "alerts")]
    assert told(promtool, "check", "rules", *files).count("SUCCESS") == 2


def test_whatever_is_a_defect_raises_its_alert() -> None:
    """The photos of a stream end with a reason and no failed call, so each reason of that part of the tree is named."""
    [alert] = [rule for rule in rules("alerts") if rule.get("alert") == "AisleDefect"]
    [named] = re.findall(r'aisle_gateway_errors_total\{reason=~"([^"]+)"', alert["expr"])
    assert set(named.split("|")) == reasons(Internal)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_alerts_come_when_they_should_and_go(promtool: str, rule_files: Path, case: Path) -> None:
    """Each case is a file in promtool's own form."""
    files = ("recording", "alerts")
    content = {
        "rule_files": [f"{name}.yaml" for name in files],
        "group_eval_order": [group["name"] for name in files for group in rule_groups(name)],
        **yaml.safe_load(case.read_text()),
    }
    file = rule_files / f"{case.stem}.test.yaml"
    file.write_text(yaml.safe_dump(content))
    assert "SUCCESS" in told(promtool, "test", "rules", str(file))
