# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""drift.yml in real runs, config-only: what is shown and written, the codes, and that nothing is changed."""

from __future__ import annotations

import json
import re
import shutil
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.cryptokey.wireguard.plugins.module_utils._host.setup import UNITS, timer_of
from ansible_collections.cryptokey.wireguard.tests.unit.fleet import test_playbooks
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.hostile import ESCAPE, JINJA, hostile_python
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.managed import CONFIG_ONLY, Managed
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.test_playbooks import SECRET, Site
from ansible_collections.cryptokey.wireguard.tests.unit.runs import Run, counting, read_executions

HOSTS = ("hub1", "laptop", "office", "server")
INVENTORY = """
all:
  vars: {wireguard_networks: {home: {prefixes: [10.8.0.0/24], preshared_secret: "not a secret, but 32 characters."}}}
  hosts: {aside: {ansible_connection: local}}
wg_hub: {hosts: {hub1: {wireguard_endpoint: vpn.example.org}}}
wg_spoke: {hosts: {laptop: null, office: null, server: null}}
"""
COMPARE = "Compare each host with the plan"


class DriftSite(Managed):
    """Hosts that are set up."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, *HOSTS)
        self.inventory = yaml.safe_load(INVENTORY)
        assert self.run("site", *CONFIG_ONLY).code == 0

    def drift(self, *arguments: str) -> Run:
        return self.run("drift", *CONFIG_ONLY, "-e", "wireguard_file=drift.json", *arguments)

    @property
    def document(self) -> dict[str, Any]:
        return dict(json.loads((self.directory / "drift.json").read_text()))

    @property
    def states(self) -> dict[str, str]:
        return {each["host"]: each["state"] for each in self.document["hosts"]}

    def edit(self, host: str) -> None:
        path = self.etc(host) / "wg0.conf"
        path.write_text(re.sub(r"^Address = .*$", "Address = 10.8.0.77/24", path.read_text(), flags=re.M))

    def files(self) -> dict[str, tuple[bytes, int, int]]:
        """All that the hosts and the registry have, and when it was changed."""
        roots = (self.directory / "hosts", self.registry.parent)
        found = (path for root in roots for path in root.rglob("*") if path.is_file())
        return {str(path): (path.read_bytes(), path.stat().st_mode, path.stat().st_mtime_ns) for path in found}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> DriftSite:
    site = DriftSite(tmp_path_factory.mktemp("site"))
    shutil.copytree(site.directory / "hosts", site.directory / "as_planned")
    return site


@pytest.fixture
def site(made: DriftSite) -> DriftSite:
    """The hosts as they were set up, all reachable."""
    shutil.rmtree(made.directory / "hosts")
    shutil.copytree(made.directory / "as_planned", made.directory / "hosts")
    (made.directory / "drift.json").unlink(missing_ok=True)
    made.unreachable = set()
    made.inventory = yaml.safe_load(INVENTORY)
    return made


def rows(run: Run) -> list[list[str]]:
    """The table, below its head."""
    lines = run.output.splitlines()
    start = next((number for number, line in enumerate(lines) if line.startswith("HOST ")), None)
    if start is None:
        return []
    return [re.split("  +", line) for line in lines[start + 1 : lines.index("", start)]]


def test_hosts_as_planned_end_with_0(site: DriftSite) -> None:
    before = site.files()
    run = site.drift()
    assert run.code == 0, run.output
    assert rows(run) == []
    assert "\n4 hosts: 4 as planned, 0 drifted, 0 failed, 0 could not be reached\n" in run.output
    assert site.states == dict.fromkeys(HOSTS, "planned")
    assert not run.changed
    assert site.files() == before


def test_what_was_changed_by_hand_is_shown_and_ends_with_2(site: DriftSite) -> None:
    site.edit("office")
    (site.etc("laptop") / "wg0.conf").unlink()
    (site.etc("server") / "wg0.conf").chmod(0o644)
    before = site.files()
    run = site.drift("--diff")
    assert run.code == 2, run.output
    conf = "/etc/wireguard/wg0.conf"
    assert [row[:5] for row in rows(run)] == [
        ["laptop", conf, "add", "-", "lines"],
        ["office", conf, "set", "-", "lines"],
        ["server", conf, "set", "-", "mode"],
    ]
    assert rows(run)[1][5] == "-1 +1 lines"
    assert "4 hosts: 1 as planned, 3 drifted, 0 failed, 0 could not be reached" in run.output
    office = site.document["hosts"][2]["operations"]
    assert [(each["before"], each["after"]) for each in office] == [
        (["Address = 10.8.0.77/24"], ["Address = 10.8.0.3/24"])
    ]
    assert site.files() == before
    # No line of the differences themselves, and no host that counts as changed.
    assert "+++" not in run.output
    assert {counts["changed"] for counts in run.recap.values()} == {0}
    assert stat.S_IMODE((site.directory / "drift.json").stat().st_mode) == 0o644


@pytest.mark.parametrize(
    ("away", "edited", "code"),
    [(("office",), (), 4), (("hub1",), ("server",), 4), (HOSTS, (), 4), ((), ("server",), 2), ((), (), 0)],
)
def test_the_codes_are_those_of_ansible_playbook(
    site: DriftSite, away: tuple[str, ...], edited: tuple[str, ...], code: int
) -> None:
    site.unreachable = set(away)
    for host in edited:
        site.edit(host)
    run = site.drift()
    assert run.code == code, run.output
    expected = {host: "unreachable" if host in away else "drift" if host in edited else "planned" for host in HOSTS}
    assert site.states == expected
    assert [row[0] for row in rows(run)] == list(edited)
    summary = f"{len(away)} could not be reached"
    assert summary in run.output
    for host in away:
        assert f"\n  {host}: " in run.output
    assert {host for host, counts in run.recap.items() if counts["unreachable"]} == set(away)


def test_a_host_runs_one_task_and_one_that_is_in_no_network_none(site: DriftSite) -> None:
    site.edit("office")
    command = ["ansible-playbook", "-i", "inventory.yml", "cryptokey.wireguard.drift", *CONFIG_ONLY]
    done = site.call(command, **counting(site.directory))
    assert done.code == 2, done.output
    # The task is skipped for a host that is in no network, which contacts nobody.
    assert read_executions(site.directory) == {host: [COMPARE] for host in (*HOSTS, "aside")}


@pytest.mark.parametrize("selection", [("--limit", "hub1,server"), ("-e", "wireguard_hosts=hub1,server")])
def test_some_hosts(site: DriftSite, selection: tuple[str, str]) -> None:
    site.edit("office")
    run = site.drift(*selection)
    assert run.code == 0, run.output
    assert site.states == {"hub1": "planned", "server": "planned"}
    assert "office" not in run.recap


def test_quiet_output_is_the_table(site: DriftSite) -> None:
    """As the guide has it for cron."""
    site.edit("office")
    command = ["ansible-playbook", "-i", "inventory.yml", "cryptokey.wireguard.drift", *CONFIG_ONLY]
    done = site.call(command, ANSIBLE_DISPLAY_OK_HOSTS="false", ANSIBLE_DISPLAY_SKIPPED_HOSTS="false")
    assert done.code == 2
    before_recap = [line for line in done.output.partition("PLAY RECAP")[0].splitlines() if line]
    assert not [
        line for line in before_recap if "laptop" in line or line.startswith(("ok:", "changed:", "skipping: ["))
    ]
    assert rows(done)[0][0] == "office"


def test_check_mode_writes_no_file(site: DriftSite) -> None:
    assert site.drift("--check").code == 0
    assert not (site.directory / "drift.json").exists()


def test_no_host_in_a_network_is_a_failure(site: DriftSite) -> None:
    run = site.drift("--limit", "aside")
    assert run.code == 2
    assert "no host of this play is in a network; check the inventory and --limit" in run.output


def test_a_file_that_cannot_be_written_is_a_failure(site: DriftSite) -> None:
    run = site.run("drift", *CONFIG_ONLY, "-e", "wireguard_file=missing/drift.json")
    assert run.code == 2
    assert "missing" in run.output.partition("FAILED!")[2]
    assert "4 hosts: 4 as planned" in run.output


class FreshSite(Site):
    """Hosts whose keys are recorded, and on which nothing is set up."""

    def take_over(self, name: str, **answers: Any) -> None:
        self.hosts[name]["ansible_python_interpreter"] = hostile_python(self.directory / "hostile" / name, answers)

    def drift(self, *arguments: str) -> dict[str, Any]:
        self.last = self.run("cryptokey.wireguard.drift", "-e", "wireguard_file=drift.json", *arguments)
        assert self.last.code == 2, self.last.output
        document: dict[str, Any] = json.loads((self.directory / "drift.json").read_text())
        return {host["host"]: host for host in document["hosts"]}


@pytest.fixture
def fresh(tmp_path: Path) -> FreshSite:
    made = FreshSite(tmp_path)
    made.known(*HOSTS)
    made.known("laptop", "server", network="side")
    return made


def test_a_host_that_was_never_set_up_lacks_all_of_it_and_no_key_is_shown(fresh: FreshSite) -> None:
    registry = fresh.recorded("home"), fresh.recorded("side")
    found = fresh.drift("-vvv")
    assert {host: each["state"] for host, each in found.items()} == dict.fromkeys(HOSTS, "drift")
    hub = found["hub1"]["operations"]
    assert {lack["part"] for lack in hub} >= {"key", "running", "file"}
    peers = [lack for lack in hub if (lack["part"], lack["attribute"]) == ("running", "peers")]
    assert [(lack["action"], lack["peer"], lack["before"]) for lack in peers] == [
        ("add", "laptop", None),
        ("add", "office", None),
        ("add", "server", None),
    ]
    assert peers[0]["after"]["allowed_ips"]
    assert any(row[:5] == ["hub1", "wgtest0", "add", "office", "peers"] for row in rows(fresh.last))
    assert (fresh.recorded("home"), fresh.recorded("side")) == registry
    shown = fresh.last.output + (fresh.directory / "drift.json").read_text()
    assert SECRET not in shown
    assert "(hidden)" in shown


def test_a_hosts_nonsense_fails_that_host_alone(fresh: FreshSite) -> None:
    part = {"interface": "wgtest0", "network": "home", "created": False, "differs": True, "lacks": []}
    member = {"changed": True, "complete": False, "packages": False, "interfaces": [part]}
    evil = {"action": "set", "peer": None, "attribute": ESCAPE, "before": JINJA, "after": None}
    fresh.take_over("office", member=member, interface={"changed": True, "changes": [ESCAPE], "operations": [evil]})
    fresh.take_over("hub1", member={"failed": True, "msg": f"{ESCAPE} {JINJA}", "ansible_facts": {"network_drift": {}}})
    found = fresh.drift()
    assert {host: each["state"] for host, each in found.items()} == {
        "hub1": "failed",
        "laptop": "drift",
        "office": "failed",
        "server": "drift",
    }
    assert "control characters" in found["office"]["message"]
    # Above the report, Ansible prints the failure as it does for each module.
    report = fresh.last.output.partition("TASK [Show the drift]")[2]
    assert "\x1b" not in report
    assert "\n  hub1: ?]0;owned??[2J {{ lookup" in report
    assert "4 hosts: 0 as planned, 2 drifted, 2 failed, 0 could not be reached" in report
    assert not (fresh.directory / "OWNED").exists()


def test_a_timer_that_the_plan_does_not_have_any_more_is_drift(
    fresh: FreshSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    timer = f"mount -t tmpfs none /{UNITS}; touch /{UNITS}/{timer_of('wgtest0')}"
    monkeypatch.setattr(test_playbooks, "SCRIPT", f"{timer}; {test_playbooks.SCRIPT}")
    fresh.drift("--limit", "hub1")
    assert ["hub1", "-", "remove", "-", "the timer of wgtest0", "remove it"] in rows(fresh.last)
