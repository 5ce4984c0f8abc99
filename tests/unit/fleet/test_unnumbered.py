# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Members whose list of addresses is empty have none, from the inventory to the table of tunnels."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.errors import FleetError
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.planner import plan_network
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.reconcile import Reconciled, reconcile
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._registry.member_record import MemberRecord, Records
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.ping_targets import ping_targets
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.render_plan import render_table
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import TODAY, Inventory, key_of


def reconciled(inventory: Inventory, records: Records | None = None) -> Reconciled:
    (network,) = inventory.read()
    return reconcile(network, records or Records(), {}, TODAY.isoformat())


def unnumbered(name: str = "cid", value: Any = ()) -> Inventory:
    inventory = Inventory()
    inventory.hosts[name]["wireguard_addresses"] = list(value)
    return inventory


def test_an_empty_list_is_no_address_and_frees_those_that_were_given() -> None:
    records = Records({"cid": MemberRecord(key_of("cid"), ("10.8.0.4",))})
    done = reconciled(unnumbered(), records)
    assert done.given == {}
    assert done.records.members["cid"].addresses == ()
    assert done.records.resting == {"10.8.0.4": TODAY.isoformat()}
    plan = plan_network(done.network, {name: key_of(name) for name in ("hub", "ada", "bob", "cid")}, TODAY)
    assert plan.hosts["cid"]["options"]["addresses"] == []
    (at_hub,) = [peer for peer in plan.hosts["hub"]["options"]["peers"] if peer["name"] == "cid"]
    assert at_hub["allowed_ips"] == []
    again = reconciled(unnumbered(), done.records)
    assert again.records == done.records


@pytest.mark.parametrize("value", [None, ""])
def test_what_is_not_given_is_given_out(value: object) -> None:
    inventory = Inventory()
    inventory.hosts["cid"]["wireguard_addresses"] = value
    assert reconciled(inventory).given["cid"][0].startswith("10.8.0.")


def test_a_host_can_have_no_address_in_one_of_its_networks() -> None:
    inventory = Inventory()
    inventory.networks["lab"] = {"prefixes": ["10.9.0.0/24"], "topology": "mesh", "interface": "wg1", "members": "lab"}
    inventory.groups["lab"] = ["ada", "cid"]
    inventory.hosts["cid"]["wireguard_overrides"] = {"lab": {"addresses": []}}
    inventory.hosts["ada"]["wireguard_endpoint"] = "192.0.2.1"
    inventory.hosts["ada"]["wireguard_overrides"] = {"lab": {"listen_port": 51821}}
    home, lab = inventory.read()
    assert [member.unnumbered for member in home.members] == [False] * 4
    assert {member.name: member.unnumbered for member in lab.members} == {"ada": False, "cid": True}


def test_clients_can_have_none_and_the_table_of_the_plan_shows_it() -> None:
    inventory = unnumbered()
    inventory.networks["home"]["clients"] = {"router": {"public_key": key_of("router"), "addresses": []}}
    plan = inventory.plan()
    assert plan.clients["router"]["addresses"] == []
    facts = {"hosts": {name: [entry] for name, entry in plan.hosts.items()}, "clients": {"home": plan.clients}}
    text = render_table({**facts, "unknown_keys": [], "hubs": ["hub"]})
    assert [line.split()[2] for line in text.splitlines() if line.startswith(("cid ", "router "))] == ["-", "-"]


def test_its_tunnel_is_judged_by_the_handshake() -> None:
    plans = {name: [entry] for name, entry in unnumbered().plan().hosts.items()}
    assert ping_targets(plans["cid"][0], plans, host="cid") == [{"name": "hub", "public_key": key_of("hub")}]
    assert {"name": "cid", "public_key": key_of("cid")} in ping_targets(plans["hub"][0], plans, host="hub")


def test_only_a_network_without_any_address_can_be_without_prefixes() -> None:
    inventory = Inventory()
    inventory.networks["home"]["prefixes"] = []
    for variables in inventory.hosts.values():
        variables["wireguard_addresses"] = []
    assert [entry["options"]["addresses"] for entry in inventory.plan().hosts.values()] == [[], [], [], []]
    del inventory.hosts["ada"]["wireguard_addresses"]
    with pytest.raises(FleetError, match="prefixes: missing; list the networks"):
        inventory.read()
