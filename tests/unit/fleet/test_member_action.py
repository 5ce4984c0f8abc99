# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of ``member``: the options that it adds, the order of its steps, and what it returns."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure

from ansible_collections.cryptokey.wireguard.plugins.action import member
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._hosts.unit_files import ROLE
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import key_of
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.managed import CONFIG_ONLY, Managed
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.playbooks import Fleet

KEY = key_of("own")
ENTRY = {"network": "home", "public_key": KEY, "options": {"interface": "wg0", "peers": []}, "setup": {}}
PART = {"interface": "wg0", "created": False, "differs": False, "lacks": [], "public_key": KEY}
ANSWER = {"changed": False, "complete": True, "packages": False, "interfaces": [PART]}
DIFFERS = {**ANSWER, "complete": False, "interfaces": [{**PART, "differs": True}]}
INVENTORY = """
all: {vars: {wireguard_networks: {home: {prefixes: [10.8.0.0/24]}}}}
wg_hub: {hosts: {hub1: {wireguard_endpoint: vpn.example.org}}}
wg_spoke: {hosts: {server: null}}
"""
CHANGED = {"changed": True, "changes": ["set mtu 1400"], "operations": [{"action": "set"}]}


def _given(answer: Any) -> dict[str, Any]:
    if isinstance(answer, Exception):
        raise answer
    return dict(answer)


class Action(member.ActionModule):
    """An action whose host gives these answers: dictionaries of ``member``, then of ``interface``."""

    def __init__(self, answers: list[Any], converged: list[Any]) -> None:
        self._variables = {"inventory_hostname": "server"}
        self._warnings = []
        self.answers, self.converged = answers, converged
        self.asked: list[dict[str, Any]] = []

    def _execute_module(self, *_name: str, module_args: dict[str, Any], **_more: Any) -> dict[str, Any]:
        self.asked.append(module_args)
        return _given(self.answers.pop(0))

    def _converge(self, options: Any) -> dict[str, Any]:
        self.asked.append({"interface": options["interface"]})
        return _given(self.converged.pop(0))

    def steps(self, *entries: dict[str, Any], **arguments: Any) -> dict[str, Any]:
        return self._run_steps(entries or (ENTRY,), arguments)


def test_without_a_difference_the_host_is_asked_once() -> None:
    action = Action([ANSWER], [])
    result = action.steps(running=True)
    assert len(action.asked) == 1
    assert (result["changed"], result["converged"]) == (False, [])


def test_what_differs_is_changed_and_then_the_rest_is_done() -> None:
    action = Action([DIFFERS, {**ANSWER, "changed": True}], [CHANGED])
    result = action.steps(running=True)
    first, change, second = action.asked
    assert (first.get("converged"), change, second["converged"]) == (None, {"interface": "wg0"}, True)
    assert (result["changed"], result["converged"], result["complete"]) == (True, ["wg0"], True)
    assert result["interfaces"][0]["changes"] == ["set mtu 1400"]


def test_after_a_failed_change_the_rest_is_left() -> None:
    action = Action([DIFFERS], [{"failed": True, "msg": "it did not work", "changed": False}])
    result = action.steps()
    assert (result["failed"], result["msg"], result["complete"]) == (True, "it did not work", False)


def test_a_connection_that_is_lost_in_a_change_is_another_thing_than_a_host_that_does_not_answer() -> None:
    lost = Action([DIFFERS], [AnsibleConnectionFailure("gone")]).steps()
    assert (lost["unreachable"], lost["begun"]) == (True, True)
    with pytest.raises(AnsibleConnectionFailure):
        Action([AnsibleConnectionFailure("away")], []).steps()


def test_a_key_that_the_plan_does_not_have_is_not_known_whatever_the_host_says() -> None:
    part = {**PART, "public_key": key_of("other"), "known": True}
    result = Action([{**ANSWER, "interfaces": [part]}], []).steps()
    assert [part["known"] for part in result["interfaces"]] == [False]


@pytest.mark.parametrize("name", member._OF_THE_CONTROLLER)
def test_a_host_gives_no_orders_to_the_controller(name: str) -> None:
    for answer in ({**ANSWER, name: "x"}, {"failed": True, "msg": "no", name: "x"}):
        assert name not in Action([answer], []).steps()


def test_a_malformed_answer_names_the_host() -> None:
    with pytest.raises(AnsibleActionFail, match="server: interfaces 7: the host's answer is invalid"):
        Action([{**ANSWER, "interfaces": 7}], []).steps()


@pytest.mark.parametrize("value", [None, "x", [7], [{}]])
def test_what_is_no_entry_of_the_plan_is_refused(value: object) -> None:
    with pytest.raises(AnsibleActionFail, match="interfaces: expected the entries of the host in the plan"):
        member._read_entries(value)


def test_an_entry_without_its_firewall_rules_is_refused() -> None:
    """Else the interface would come up without its policy."""
    entry = {"network": "home", "options": {"interface": "wg0", "nftables": ""}}
    member._check_rules([entry])
    with pytest.raises(AnsibleActionFail, match="the entry of the network home lacks its firewall rules; pass"):
        member._check_rules([{**entry, "rules": {"parts": []}}])


@pytest.mark.parametrize("value", ["{{ nobody_gives_this | default(omit) }}", None, "", "off"])
def test_a_secret_that_is_not_given_and_defaults_of_the_modules(tmp_path: Path, value: str | None) -> None:
    """What the operator has in ``module_defaults`` for interface and config applies to member."""
    fleet = Fleet(tmp_path)
    fleet.inventory["all"]["vars"]["wireguard_networks"]["home"]["preshared_secret"] = value
    defaults = {"private_key_file": str(tmp_path / "wg0.key"), "path": str(tmp_path / "wg0.conf")}
    record = {"cryptokey.wireguard._registry": {"keypairs": "keypair"}, "run_once": True, "register": "plan"}
    entries = "{{ plan.hosts[inventory_hostname] | cryptokey.wireguard.with_rules(plan.rules) }}"
    update = {"interfaces": entries, "running": False}
    play: dict[str, Any] = {
        "hosts": "server",
        "gather_facts": False,
        "connection": "local",
        "vars": {"ansible_python_interpreter": sys.executable},
        "module_defaults": {"cryptokey.wireguard.config": defaults},
        "tasks": [
            {"name": "Record", **record},
            {"name": "Update", "cryptokey.wireguard.member": update, "check_mode": True, "diff": True},
        ],
    }
    run = fleet.run_play([play])
    assert run.code == 0, run.output
    assert run.results[-1]["changed"] is True
    assert f"+++ after: {tmp_path}/wg0.conf" in run.output


def test_handlers_are_those_of_the_role_and_run_only_if_they_have_something_to_do(tmp_path: Path) -> None:
    handlers = [each["name"] for each in yaml.safe_load((ROLE / "handlers/main.yml").read_text())]
    (task,) = yaml.safe_load((ROLE / "tasks/member.yml").read_text())
    assert [*member._HANDLERS] == handlers == task["notify"]
    site = Managed(tmp_path, "hub1", "server")
    site.inventory = yaml.safe_load(INVENTORY)
    run = site.run("site", *CONFIG_ONLY)
    assert (run.code, "RUNNING HANDLER" in run.output) == (0, False), run.output
