# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action plugin in real playbook runs, with keys preset in the inventory, so that no host is contacted."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._fleet import planner
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import EXAMPLES, example, key_of

COLLECTIONS = planner.__file__.partition("/ansible_collections/")[0]
PLAYBOOK = [
    {
        "hosts": "all",
        "gather_facts": False,
        "tasks": [
            {"name": "Look", "cryptokey.wireguard.plan": None, "run_once": True},
            {"name": "Plan", "cryptokey.wireguard.plan": {"keypairs": "keypair"}, "run_once": True, "register": "plan"},
            {"name": "Use it", "ansible.builtin.debug": {"var": "plan.hosts[inventory_hostname].interface"}},
        ],
    }
]


class Run(NamedTuple):
    code: int
    output: str
    results: list[dict[str, Any]]


class Fleet:
    """An inventory in a directory of its own, and runs of the playbook over it."""

    def __init__(self, directory: Path, name: str = "hub_and_spoke.yml") -> None:
        self.directory = directory
        self.registry = directory / "wireguard_registry" / "home.yml"
        self.inventory = yaml.safe_load((EXAMPLES / name).read_text())
        self.keys = {
            host: variables
            for group in ("wg_hub", "wg_spoke")
            for host, variables in self.inventory[group]["hosts"].items()
        }
        for host, variables in self.keys.items():
            variables["keypair"] = {"public_key": key_of(host)}

    def run(self, *arguments: str) -> Run:
        (self.directory / "inventory.yml").write_text(yaml.safe_dump(self.inventory))
        (self.directory / "play.yml").write_text(yaml.safe_dump(PLAYBOOK))
        command = ["ansible-playbook", "-v", "-i", "inventory.yml", "play.yml", *arguments]
        environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": COLLECTIONS, "ANSIBLE_LOCALHOST_WARNING": "false"}
        environment |= {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_HOME": str(self.directory / ".ansible"), "COLUMNS": "1000"}
        done = subprocess.run(
            command, cwd=self.directory, env=environment, capture_output=True, text=True, check=False, timeout=120
        )
        marks = [line.partition(" => ")[2] for line in done.stdout.splitlines() if line.startswith(("ok:", "changed:"))]
        results = [json.loads(mark) for mark in marks if mark.endswith("}")]
        return Run(done.returncode, done.stdout + done.stderr, results)


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path)


def test_a_first_run_records_the_keys_and_a_second_changes_nothing(fleet: Fleet) -> None:
    checked = fleet.run("--check", "--diff")
    assert checked.code == 0, checked.output
    assert f"+    public_key: {key_of('hub1')}" in checked.output
    assert not fleet.registry.parent.exists()

    first = fleet.run()
    assert [result["changed"] for result in first.results] == [False, True]
    assert first.results[0]["unknown_keys"] == ["hub1", "laptop", "office", "server"]
    assert first.results[1]["hosts"] == example("hub_and_spoke.yml").plan().hosts == checked.results[1]["hosts"]
    assert first.output.count('"plan.hosts[inventory_hostname].interface": "wg0"') == 4
    assert "WARNING" not in first.output

    second = fleet.run()
    assert [result["changed"] for result in second.results] == [False, False]
    assert second.results[0]["hosts"] == second.results[1]["hosts"] == first.results[1]["hosts"]


def test_a_limited_run_plans_for_all_from_the_registry(fleet: Fleet) -> None:
    whole = fleet.run()
    for host in ("hub1", "server", "office"):
        del fleet.keys[host]["keypair"]
    limited = fleet.run("--limit", "laptop")
    assert limited.results[1]["hosts"] == whole.results[1]["hosts"]
    assert not limited.results[1]["changed"]


def test_an_unknown_key_and_a_changed_one_are_named_in_warnings(fleet: Fleet) -> None:
    fleet.keys["server"]["keypair"] = {"failed": True}
    first = fleet.run()
    assert "No public key is known yet of server." in first.output
    assert first.results[1]["hosts"]["hub1"]["peers_mode"] == "merge"
    fleet.keys["office"]["keypair"]["public_key"] = key_of("another")
    second = fleet.run()
    assert "The public key is another than the registry had: office." in second.output
    assert key_of("another") in fleet.registry.read_text()


def test_who_left_the_inventory_leaves_the_plan_and_the_registry(fleet: Fleet) -> None:
    fleet.run()
    del fleet.inventory["wg_spoke"]["hosts"]["server"]
    run = fleet.run()
    assert [result["changed"] for result in run.results] == [False, True]
    assert [peer["name"] for peer in run.results[1]["hosts"]["hub1"]["peers"]] == ["laptop", "office"]
    assert "server" not in fleet.registry.read_text()


def test_values_are_templated_for_their_host_and_hosts_of_no_network_left_alone(fleet: Fleet) -> None:
    fleet.inventory["all"]["vars"] |= {"wireguard_mtu": "{{ base - 20 }}", "base": 1420}
    fleet.keys["office"]["base"] = 1320
    fleet.inventory["web"] = {"hosts": {"web1": None, "web2": None}}
    run = fleet.run()
    assert {host: plan["mtu"] for host, plan in run.results[1]["hosts"].items()} == {
        "hub1": 1400,
        "laptop": 1400,
        "office": 1300,
        "server": 1400,
    }
    assert run.output.count("In no WireGuard network, left alone: web1, web2") == 1


def test_a_bad_inventory_fails_the_whole_play_with_every_problem(fleet: Fleet) -> None:
    fleet.keys["office"]["wireguard_addresses"] = ["10.99.0.3"]
    fleet.keys["server"]["wireguard_addresses"] = ["10.8.0.2"]
    run = fleet.run()
    assert run.code == 2
    assert "office: wireguard_addresses '10.99.0.3': outside the network home" in run.output
    assert "server: wireguard_addresses '10.8.0.2': laptop has this address too" in run.output
    assert run.results == []
    assert not fleet.registry.exists()


@pytest.mark.parametrize(
    ("host", "variables", "message"),
    [
        ("office", {"wireguard_mtu": "{{ nowhere }}"}, "office: wireguard_mtu: cannot be templated: "),
        ("office", {"keypair": {"public_key": "x"}}, "office: public_key 'x': not a WireGuard key; "),
        ("office", {"keypair": {"public_key": key_of("hub1")}}, "hub1 has this key too"),
    ],
)
def test_a_value_that_cannot_be_right(fleet: Fleet, host: str, variables: dict[str, Any], message: str) -> None:
    fleet.keys[host].update(variables)
    run = fleet.run()
    assert run.code == 2
    assert message in run.output
    assert not fleet.registry.exists()


def test_a_broken_registry_stops_the_run(fleet: Fleet) -> None:
    fleet.registry.parent.mkdir()
    fleet.registry.write_text("---\nhosts:\n<<<<<<< HEAD\n")
    run = fleet.run()
    assert run.code == 2
    assert f"registry {fleet.registry}, line 4: not YAML" in run.output


def test_the_registry_can_be_elsewhere(fleet: Fleet) -> None:
    fleet.inventory["all"]["vars"]["wireguard_registry"] = "public/facts"
    assert fleet.run().code == 0
    assert (fleet.directory / "public" / "facts" / "home.yml").exists()
