# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real runs with one host that was taken over: it fails alone, and decides nothing on the controller."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.cryptokey.wireguard.tests.unit.fleet.hostile import ESCAPE, JINJA, hostile_python
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import key_of
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.playbooks import Fleet
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.test_playbooks import RoleRun, Site
from ansible_collections.cryptokey.wireguard.tests.unit.runs import Run

BAD = "office"
KNOWN = ("hub1", "laptop", "server")


class HostileSite(Site):
    def take_over(self, name: str, **answers: Any) -> None:
        self.hosts[name]["ansible_python_interpreter"] = hostile_python(self.directory / "hostile" / name, answers)


@pytest.fixture
def site(tmp_path: Path) -> HostileSite:
    made = HostileSite(tmp_path)
    made.known(*KNOWN, BAD)
    made.known("laptop", "server", network="side")
    return made


def failed(run: Run) -> dict[str, int]:
    return {host: counts["failed"] for host, counts in run.recap.items()}


NO_NAME = "not a name that the plan has for this host"


@pytest.mark.parametrize(
    ("lack", "more", "message"),
    [
        ("{folder}/evil", {}, NO_NAME),
        ("../../../evil", {}, NO_NAME),
        (JINJA, {}, NO_NAME),
        ("systemd", {"interfaces": [{"interface": "../evil"}]}, NO_NAME),
        ("systemd", {"interfaces": []}, ""),
        ("systemd", {"packages": JINJA}, "expected true or false"),
        # What the strategies of Ansible take for a command of the controller.
        ("rotated", {"add_group": "wg_hub", "add_host": {"host_name": "evil"}, "unreachable": True}, ""),
    ],
)
def test_a_hosts_answer_names_no_file_no_group_and_no_host(
    site: HostileSite, lack: str, more: dict[str, Any], message: str
) -> None:
    lack = lack.replace("{folder}", str(site.directory))
    marker = site.directory / "OWNED"
    task = {
        "ansible.builtin.command": {"argv": ["touch", str(marker)]},
        "delegate_to": "localhost",
        "check_mode": False,
    }
    evil = site.directory / "evil.yml"
    evil.write_text(yaml.safe_dump([task]))
    part = {"interface": "wgtest0", "network": "home", "created": False, "differs": False}
    answer = {"changed": True, "complete": True, "packages": False, "interfaces": [{**part, "lacks": [lack]}]}
    site.take_over(BAD, member={**answer, **more})
    run = site.run("cryptokey.wireguard.site", "--check")
    alone = {BAD} if message else set()
    assert {host for host, count in failed(run).items() if count} == alone, run.output
    assert message in run.said
    assert not marker.exists()
    assert set(run.recap) == {"hub1", "laptop", "office", "server"}


def test_a_distribution_names_no_file(site: HostileSite) -> None:
    (site.directory / "evil.yml").write_text("network_packages: [evil]\n")
    name = f"{site.directory}/evil"
    facts = {"ansible_distribution": name, "ansible_os_family": name, "ansible_pkg_mgr": "apt"}
    answer = {"changed": True, "complete": False, "packages": True, "interfaces": []}
    site.take_over(BAD, member=answer, setup={"ansible_facts": facts})
    run = site.run("cryptokey.wireguard.site", "--check", "--limit", f"hub1,{BAD}")
    assert failed(run) == {"hub1": 0, BAD: 1}, run.output
    assert "no package names are known for this distribution" in run.output
    assert "evil.yml" not in run.output


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({"public_key": key_of("hub1home")}, "hub1 has this key in the network home"),
        ({"public_key": ESCAPE}, "control characters"),
        ({"public_key": JINJA}, "not a WireGuard key"),
        ({"public_key": {"a": 1}}, "expected a string"),
    ],
)
def test_a_host_that_reports_no_key_of_its_own_fails_alone(
    site: HostileSite, answer: dict[str, Any], message: str
) -> None:
    part = {"interface": "wgtest0", "network": "home", "created": False, "differs": False, "lacks": []}
    whole = {"changed": False, "complete": True, "packages": False, "interfaces": [{**part, **answer}]}
    site.take_over(BAD, member=whole)
    run = site.run("cryptokey.wireguard.site", "--check", "--limit", f"hub1,{BAD}")
    assert run.code == 2, run.output
    assert failed(run) == {"hub1": 0, BAD: 1}
    assert message in run.said
    assert "\x1b" not in run.output
    assert not (site.directory / "OWNED").exists()
    assert ("hub1", "wgtest0") in run.updated


def test_a_malformed_answer_is_one_line_of_the_table(site: HostileSite) -> None:
    results = [{"name": "hub1", "address": 7, "reachable": "yes"}]
    site.take_over(BAD, interface_info={"interfaces": [{"peers": [3]}]}, ping={"results": results})
    run = site.run("cryptokey.wireguard.status")
    table = [line.split() for line in run.output.partition("HOST  ")[2].splitlines()[1:9]]
    assert [BAD, "home", "(invalid", "answer)"] in [line[:4] for line in table], run.output
    assert {line[0] for line in table} == {*KNOWN, BAD}
    assert "office: peers[0] 3: the host's answer is invalid: expected a dictionary" in run.said
    assert "Traceback" not in run.output


FACTS = {
    "wireguard_networks": {"home": {"prefixes": ["10.99.0.0/16"], "preshared_secret": "x" * 40}},
    "wireguard_addresses": ["10.8.0.1"],
    "wireguard_subnets": ["0.0.0.0/1"],
    "wireguard_accept_changed_keys": True,
    "wireguard_registry": "/tmp/elsewhere",
    "network_plan": {"hosts": {}, "batches": [["localhost"]]},
    "network_inventory": {"batches": [["localhost"]]},
    "network_leaving": ["hub1"],
    "inventory_dir": "/tmp",
    "inventory_hostname": "server",
    "base": "10.66.0",
}


class HostileFleet(Fleet):
    """The hosts are asked something before it is planned."""

    def take_over(self, name: str, **facts: Any) -> None:
        answers = {"*": {"ansible_facts": facts}}
        self.hosts[name]["ansible_python_interpreter"] = hostile_python(self.directory / "hostile" / name, answers)

    def write(self, inventory: str = "inventory.yml") -> None:
        own = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, "base": "10.8.0"}
        self.inventory["all"]["vars"] |= own
        super().write(inventory)
        record = "cryptokey.wireguard._registry"
        tasks = [
            {"name": "Ask", "ansible.builtin.command": {"argv": ["true"]}},
            {"name": "Plan", record: self.arguments, "run_once": True, "register": "plan"},
        ]
        (self.directory / "play.yml").write_text(
            yaml.safe_dump([{"hosts": "all", "gather_facts": False, "tasks": tasks}])
        )


def planned(run: Run) -> dict[str, Any]:
    return next(result for result in run.results if "hubs" in result)


@pytest.mark.parametrize("host", ["hub1", BAD])
@pytest.mark.parametrize("names", [set(FACTS) - {"inventory_hostname"}, {"inventory_hostname"}], ids=["all", "name"])
def test_facts_do_not_stand_in_for_the_inventory(tmp_path: Path, host: str, names: set[str]) -> None:
    """Of the first host of the play neither, with whose variables the task runs."""
    fleet = HostileFleet(tmp_path)
    fleet.hosts[BAD]["wireguard_endpoint"] = "{{ base }}.200"
    assert fleet.run().code == 0
    expected, recorded = planned(fleet.run()), fleet.registry.read_text()
    assert "10.8.0.200:51820" in json.dumps(expected["hosts"])
    assert expected["refused"] == {}

    fleet.take_over(host, **{name: FACTS[name] for name in names})
    fleet.hosts[host]["keypair"] = {"public_key": key_of("another")}
    found = planned(fleet.run())
    assert (found["hosts"], found["clients"]) == (expected["hosts"], expected["clients"])
    assert fleet.registry.read_text() == recorded
    assert list(found["refused"]) == [host]
    for name in names & {"wireguard_networks", "inventory_dir", "inventory_hostname"}:
        assert name in found["refused"][host]


def test_options_of_a_task_that_runs_once_are_not_a_hosts_to_give(tmp_path: Path) -> None:
    """Ansible templates them with the facts of the first host."""
    fleet = HostileFleet(tmp_path)
    fleet.arguments["without"] = "{{ network_leaving | default(omit) }}"
    fleet.take_over("hub1", network_leaving=["server"])
    run = fleet.run()
    assert run.code == 2
    assert (
        "hub1: ansible_facts: the host returned variables that only the operator sets: network_leaving; if your own "
        "play set them with set_fact and cacheable, leave cacheable out, and run once with --flush-cache; if not, "
        "check whether the host is compromised; to continue without it, add --limit 'all:!hub1'"
    ) in run.said


def test_facts_of_a_host_that_is_not_in_the_play_choose_no_hosts(site: HostileSite) -> None:
    """An earlier run has left them in a persistent cache of facts."""
    evil = {"network_inventory": {"batches": [["localhost"]]}, "network_plan": {"batches": [["localhost"]]}}
    for name in KNOWN:
        site.take_over(name, **{"*": {"ansible_facts": evil}})
    cache = f"fact_caching = jsonfile\nfact_caching_connection = {site.directory}/facts\n"
    (site.directory / "ansible.cfg").write_text(f"[defaults]\n{cache}")
    task = {"ansible.builtin.command": {"argv": ["true"]}}
    (site.directory / "ask.yml").write_text(
        yaml.safe_dump([{"hosts": ",".join(KNOWN), "gather_facts": False, "tasks": [task]}])
    )
    assert site.run("ask.yml").code == 0
    run: RoleRun = site.run("cryptokey.wireguard.site", "--check", "-e", f"wireguard_hosts={BAD}")
    assert run.code == 0, run.output
    assert set(run.recap) == {BAD}
    assert run.updated == {(BAD, "wgtest0")}


def test_facts_of_ansible_can_still_be_used(tmp_path: Path) -> None:
    fleet = HostileFleet(tmp_path)
    for host, fact in (("office", "ansible_facts.default_ipv4.address"), ("server", "ansible_default_ipv4.address")):
        fleet.take_over(host, ansible_default_ipv4={"address": "192.0.2.77"})
        fleet.hosts[host]["wireguard_endpoint"] = f"{{{{ {fact} }}}}"
    run = fleet.run()
    assert run.code == 0, run.output
    assert json.dumps(planned(run)["hosts"]["hub1"]).count("192.0.2.77:51820") == 2
