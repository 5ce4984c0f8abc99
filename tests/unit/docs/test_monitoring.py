# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The alert rules and the dashboard in docs/examples/monitoring, checked by Prometheus's own promtool."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.cryptokey.wireguard.plugins.module_utils._metrics.exposition import METRICS
from ansible_collections.cryptokey.wireguard.tests.unit.docs.pages import DOCS, ROOT

EXAMPLES = DOCS / "examples/monitoring"
GUIDE = DOCS / "guides/monitoring-with-prometheus.md"
ALERTS = (EXAMPLES / "alerts.yml").read_text()
TESTS = (EXAMPLES / "alerts_test.yml").read_text()
RULES = yaml.safe_load(ALERTS)["groups"][0]["rules"]
DASHBOARD = json.loads((EXAMPLES / "dashboard.json").read_text())


def promtool(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run promtool, where tests/setup.sh has put it unless the machine has its own."""
    program = shutil.which("promtool", path=f"{os.environ['PATH']}{os.pathsep}{ROOT / 'build/tools'}")
    assert program, "run tests/setup.sh unit"
    return subprocess.run([program, *arguments], cwd=cwd, capture_output=True, text=True, check=False)


def queries(dashboard: dict[str, Any]) -> dict[str, str]:
    """The PromQL of each panel by its title, with values in the places of Grafana's variables."""
    values = {"$__rate_interval": "5m", "$instance": ".*", "$interface": ".*", "$peer": ".*"}
    found = {}
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            expr = target["expr"]
            for name, value in values.items():
                expr = expr.replace(name, value)
            found[f"{panel['title']} {target['refId']}"] = expr
    return found


QUERIES = queries(DASHBOARD)


def test_promtool_accepts_the_rules() -> None:
    done = promtool("check", "rules", "alerts.yml", cwd=EXAMPLES)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{len(RULES)} rules found" in done.stdout


def test_each_alert_fires_and_does_not() -> None:
    done = promtool("test", "rules", "alerts_test.yml", cwd=EXAMPLES)
    assert done.returncode == 0, done.stdout
    fires: dict[str, set[bool]] = {}
    for group in yaml.safe_load(TESTS)["tests"]:
        for case in group["alert_rule_test"]:
            fires.setdefault(case["alertname"], set()).add(bool(case["exp_alerts"]))
    assert fires == {rule["alert"]: {True, False} for rule in RULES}


# What each condition of a rule is for is shown by a test of the rules that fails without it.
CONDITIONS = [
    " > 210",
    "and increase(wireguard_sent_bytes_total[5m]) > 0",
    "and on (public_key) last_over_time(wireguard_device_info[7d])",
    "[7d]",
    "{file=~",
    "drift_operations > 0",
    "for: 5m",
    " > 365 * 86400",
    "0 < ",
    " < 14 * 86400",
    " <= 0",
    " == 0",
    " > 300",
]


@pytest.mark.parametrize("condition", CONDITIONS)
def test_every_condition_is_needed(tmp_path: Path, condition: str) -> None:
    weaker = {"[7d]": "[5m]", "for: 5m": "for: 0s", "{file=~": "{file!~"}.get(condition, "")
    changed = re.sub(re.escape(condition).replace(r"\ ", r"\s+"), weaker, ALERTS)
    assert changed != ALERTS
    (tmp_path / "alerts.yml").write_text(changed)
    (tmp_path / "alerts_test.yml").write_text(TESTS)
    assert promtool("check", "rules", "alerts.yml", cwd=tmp_path).returncode == 0
    assert promtool("test", "rules", "alerts_test.yml", cwd=tmp_path).returncode == 1


def complaint(directory: Path, expr: str) -> str:
    """What promtool says of PromQL; nothing if it can be parsed."""
    groups = [{"name": "queries", "rules": [{"record": "query", "expr": expr}]}]
    (directory / "rules.yml").write_text(yaml.safe_dump({"groups": groups}))
    return promtool("check", "rules", "rules.yml", cwd=directory).stderr


@pytest.mark.parametrize("panel", QUERIES)
def test_promtool_accepts_the_query_of_a_panel(tmp_path: Path, panel: str) -> None:
    assert "$" not in QUERIES[panel]
    assert complaint(tmp_path, QUERIES[panel]) == ""


def test_a_wrong_query_is_found(tmp_path: Path) -> None:
    assert "could not parse expression" in complaint(tmp_path, "sum by state (cryptokey_wireguard_peers)")


def test_the_dashboard_can_be_imported_anywhere() -> None:
    """It names no data source of a Grafana of ours, and each panel has a place and a number of its own."""
    panels = DASHBOARD["panels"]
    sources = {target["datasource"]["uid"] for panel in panels for target in (panel, *panel["targets"])}
    variables = DASHBOARD["templating"]["list"]
    assert sources == {"${datasource}"}
    assert [variable["name"] for variable in variables] == ["datasource", "instance", "interface", "peer"]
    assert DASHBOARD["uid"] == "cryptokey-wireguard"
    assert DASHBOARD["id"] is None
    assert sorted(panel["id"] for panel in panels) == list(range(1, len(panels) + 1))
    cells = [
        (x, y)
        for grid in (panel["gridPos"] for panel in panels)
        for x in range(grid["x"], grid["x"] + grid["w"])
        for y in range(grid["y"], grid["y"] + grid["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _y in cells) < 24


def metrics(expr: str) -> set[str]:
    return set(re.findall(r"\b(?:cryptokey_)?wireguard_\w+", expr))


def test_alerts_and_dashboard_use_what_the_program_writes() -> None:
    """The dashboard shows nearly all of it."""
    shown = set().union(*map(metrics, QUERIES.values()))
    asked = [metrics(variable.get("definition", "")) for variable in DASHBOARD["templating"]["list"]]
    assert set().union(*asked, *(metrics(rule["expr"]) for rule in RULES)) - {"wireguard_device_info"} <= shown
    assert shown < METRICS.keys()
    assert METRICS.keys() - shown == {"wireguard_device_info", "wireguard_peer_info"}


def table(page: str, head: str) -> list[list[str]]:
    """The cells of the rows of a table of the guide."""
    _before, _found, rest = page.partition(f"{head}\n")
    rows = rest.split("\n\n")[0].splitlines()[1:]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]


def test_the_guide_has_each_metric_and_each_alert() -> None:
    page = GUIDE.read_text()
    rows = table(page, "| metric | type | more labels | meaning |")
    kinds = {name: row[1] for row in rows for name in re.findall(r"`(\w+)`", row[0])}
    assert kinds == {name: metric.kind for name, metric in METRICS.items()}
    alerts = [row[0].strip("`") for row in table(page, "| alert | fires | what to do |")]
    assert alerts == [rule["alert"] for rule in RULES]


def test_promtool_accepts_what_the_guide_shows(tmp_path: Path) -> None:
    page = GUIDE.read_text()
    for row in table(page, "| query | what it shows |"):
        expr = row[0].strip("`")
        assert metrics(expr) <= METRICS.keys()
        assert complaint(tmp_path, expr) == ""
    blocks = [textwrap.dedent(text) for text in re.findall(r"^ *```yaml\n(.*?)^ *```$", page, re.DOTALL | re.MULTILINE)]
    (config,) = [text for text in blocks if "scrape_configs" in text]
    (rule,) = [text for text in blocks if "alert:" in text]
    (tmp_path / "prometheus.yml").write_text(config)
    (tmp_path / "alerts.yml").write_text(f"groups:\n- name: more\n  rules:\n{textwrap.indent(rule, '  ')}")
    done = promtool("check", "config", "prometheus.yml", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 rules found" in done.stdout
