# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom it concerns that hosts come or leave."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.affected import affected
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.planner import plan_network
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.reconcile import reconcile
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._registry.member_record import Records
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import TODAY, Inventory, example, key_of


def affected_by(inventory: Inventory, *names: str, unknown: Iterable[str] = ()) -> list[str]:
    """In all networks of an inventory, of whose members all but some have keys."""
    found: set[str] = set()
    for network in inventory.read():
        keys = {member.name: key_of(member.name) for member in network.members if member.name not in unknown}
        settlement = reconcile(network, Records(), keys, TODAY.isoformat())
        found.update(affected(settlement, plan_network(settlement.network, settlement.keys, TODAY), names, TODAY))
    return sorted(found)


def test_of_a_thousand_spokes_one_concerns_itself_and_its_hub() -> None:
    spokes = [f"spoke{number}" for number in range(999)]
    inventory = Inventory()
    inventory.networks["home"]["prefixes"] = ["10.8.0.0/16"]
    inventory.groups = {"wg_hub": ["hub"], "wg_spoke": spokes}
    inventory.hosts = {"hub": {"wireguard_endpoint": "vpn.example.org"}, **{name: {} for name in spokes}}
    assert affected_by(inventory, "spoke500") == ["hub", "spoke500"]


@pytest.mark.parametrize(
    ("name", "hosts", "concerned"),
    [
        ("hub_and_spoke.yml", ["server"], ["hub1", "server"]),
        pytest.param("hub_and_spoke.yml", ["office"], ["hub1", "office", "server"], id="a subnet is routed to"),
        pytest.param("hub_and_spoke.yml", ["server", "laptop"], ["hub1", "laptop", "server"], id="several"),
        pytest.param("hub_and_spoke.yml", ["hub1"], ["hub1", "laptop", "office", "server"], id="the only hub"),
        pytest.param("two_hosts.yml", ["client"], ["client", "server"], id="only one would be left"),
        pytest.param("hub_and_spoke.yml", ["elsewhere"], [], id="not in it"),
    ],
)
def test_whom_a_host_concerns(name: str, hosts: list[str], concerned: list[str]) -> None:
    assert affected_by(example(name), *hosts) == concerned


def test_in_a_mesh_all_are_concerned() -> None:
    inventory = example("mesh.yml")
    every = sorted(inventory.hosts)
    assert all(affected_by(inventory, name) == every for name in every)


def test_in_a_custom_network_those_that_are_linked_are_concerned() -> None:
    inventory = example("custom.yml")
    plans = inventory.plan().hosts
    for name, plan in plans.items():
        assert set(affected_by(inventory, name)) == {name, *(peer["name"] for peer in plan["options"]["peers"])}


def test_a_second_hub_concerns_its_spokes_and_the_other_hub() -> None:
    inventory = Inventory()
    inventory.groups["wg_hub"].append("hub2")
    inventory.hosts["hub2"] = {"wireguard_addresses": ["10.8.0.9"], "wireguard_endpoint": "two.example.org"}
    inventory.hosts["ada"]["wireguard_hub"] = "hub"
    inventory.hosts["bob"]["wireguard_hub"] = "hub"
    inventory.hosts["cid"]["wireguard_hub"] = "hub2"
    assert affected_by(inventory, "hub2") == ["cid", "hub", "hub2"]


def test_who_has_not_been_set_up_yet_is_left_alone_unless_it_is_the_one() -> None:
    inventory = example("mesh.yml")
    first, second, *others = sorted(inventory.hosts)
    assert affected_by(inventory, first, unknown=[first, second]) == sorted([first, *others])
