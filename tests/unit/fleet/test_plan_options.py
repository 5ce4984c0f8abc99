# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An entry of the plan has just what the modules take, and every option has its variable, its field and its texts."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.cryptokey.wireguard.plugins.action._registry import ActionModule as RecordingAction
from ansible_collections.cryptokey.wireguard.plugins.doc_fragments.interface import ModuleDocFragment
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.interface import DesiredInterface
from ansible_collections.cryptokey.wireguard.plugins.module_utils._options.arguments import (
    CONFIRM_ARGUMENTS,
    CONFIRM_OPTIONS,
    INTERFACE_ARGUMENTS,
    OPTIONS,
    PEER_ARGUMENTS,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._options.parser import parse_interface
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import Inventory, key_of

ROOT = Path(__file__).parents[3]
PRIVATE = ("_access", "_adopt", "_draw", "_former_keys", "_live", "_registry", "_rolling", "_rotation", "_status")
# A value of each variable that is passed on, as an operator may write it.
VARIABLES: dict[str, Any] = {
    "alias": "to Paris",
    "birth_netns": "physical",
    "confirm": True,
    "confirm_timeout": "90",
    "dns": "10.8.0.1",
    "dns_search": ["corp.example"],
    "endpoint_policy": "enforce",
    "fwmark": "0xca6c",
    "keep_routes": "yes",
    "listen_port": 51821,
    "mtu": 1400,
    "netns": "vpn",
    "table": False,
}


def passed_on() -> set[str]:
    return {name for name, option in {**OPTIONS, **CONFIRM_OPTIONS}.items() if option.has_variable}


def entry_with_everything() -> dict[str, Any]:
    """That of a host which gives every variable, and lacks a peer's key while another one has left and a third rotates.

    Name servers do not go together with a namespace, which is left out.
    """
    inventory = Inventory()
    variables = {f"wireguard_{name}": value for name, value in VARIABLES.items() if "netns" not in name}
    inventory.hosts["hub"].update(variables)
    return dict(inventory.plan(without=["bob"]).hosts["hub"])


def test_every_variable_is_tried() -> None:
    assert VARIABLES.keys() == passed_on()


def test_an_entry_has_what_the_modules_take_and_nothing_else() -> None:
    entry = entry_with_everything()
    expected = {name for name in passed_on() if "netns" not in name}
    both = {"interface", "addresses", "peers", "peers_mode", *(expected & OPTIONS.keys())}
    assert set(entry["options"]) == both
    assert both <= INTERFACE_ARGUMENTS.keys()
    assert set(entry["interface_options"]) == expected & CONFIRM_OPTIONS.keys() == set(CONFIRM_ARGUMENTS)
    assert {option for peer in entry["options"]["peers"] for option in peer} <= PEER_ARGUMENTS.keys()
    assert set(entry) == {"network", "options", "interface_options", "public_key", "forwarding"}


@pytest.mark.parametrize("name", ["netns", "birth_netns"])
def test_so_have_those_of_namespaces(name: str) -> None:
    inventory = Inventory()
    inventory.hosts["ada"][f"wireguard_{name}"] = VARIABLES[name]
    assert inventory.plan().hosts["ada"]["options"][name] == VARIABLES[name]


def test_the_host_reads_what_the_controller_read() -> None:
    """The options of the plan, which are parsed values in plain types, parse to the same again."""
    options = entry_with_everything()["options"]
    desired = parse_interface(options)
    found = {name: getattr(desired, name) for name in OPTIONS if name in options}
    assert {name: list(value) if isinstance(value, tuple) else value for name, value in found.items()} == {
        name: options[name] for name in found
    }


def test_the_plan_has_the_keys_of_the_host_itself() -> None:
    entry = Inventory().plan().hosts["ada"]
    assert (entry["public_key"], "next_public_key" in entry) == (key_of("ada"), False)


def test_every_option_is_a_field_and_is_documented() -> None:
    documented = yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"]
    assert documented.keys() == INTERFACE_ARGUMENTS.keys()
    assert OPTIONS.keys() <= {each.name for each in fields(DesiredInterface)}
    specs = yaml.safe_load((ROOT / "roles/network/meta/argument_specs.yml").read_text())["argument_specs"]
    assert {f"wireguard_{name}" for name in passed_on()} <= specs["main"]["options"].keys()


def test_the_role_names_no_option() -> None:
    """Else a new one would have to be added there too."""
    (task,) = yaml.safe_load((ROOT / "roles/network/tasks/member.yml").read_text())
    assert task["cryptokey.wireguard.member"]["interfaces"] == "{{ network_own }}"


def test_private_steps_have_no_module_and_say_what_they_take() -> None:
    """So that no tool lists them."""
    for step in PRIVATE:
        described = yaml.safe_load((ROOT / f"plugins/modules/{step}.yml").read_text())["DOCUMENTATION"]
        assert described["module"] == step
        assert not (ROOT / f"plugins/modules/{step}.py").exists()
    spec = yaml.safe_load((ROOT / "plugins/modules/_registry.yml").read_text())["DOCUMENTATION"]["options"]
    assert spec.keys() == RecordingAction.arguments.keys()
