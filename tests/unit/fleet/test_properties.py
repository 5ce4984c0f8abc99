# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for the plan of any network."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import (
    parse_interface_address,
    parse_prefix,
)
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import Inventory


@st.composite
def inventories(draw: st.DrawFn) -> Inventory:
    inventory = Inventory()
    spokes = [f"s{number}" for number in range(draw(st.integers(1, 12)))]
    inventory.groups = {"wg_hub": ["hub"], "wg_spoke": spokes}
    inventory.hosts = {"hub": inventory.hosts["hub"]}
    octets = draw(st.lists(st.integers(2, 254), min_size=len(spokes), max_size=len(spokes), unique=True))
    for spoke, octet in zip(spokes, octets, strict=True):
        families = draw(st.sampled_from([(4,), (6,), (4, 6)]))
        variables: dict[str, Any] = {
            "wireguard_addresses": [f"10.8.0.{octet}" if family == 4 else f"fd00:8::{octet:x}" for family in families],
            "wireguard_tunnel": draw(st.sampled_from(["split", "full"])),
        }
        if draw(st.booleans()):
            variables["wireguard_subnets"] = [f"192.168.{octet}.0/24", f"fd00:9:{octet:x}::/48"]
        if draw(st.booleans()):
            variables["wireguard_endpoint"] = f"{spoke}.example.org"
        inventory.hosts[spoke] = variables
    return inventory


@given(inventories())
def test_each_spokes_addresses_and_subnets_lead_to_it_and_to_no_other(inventory: Inventory) -> None:
    hub = inventory.plan().hosts["hub"]
    for spoke in inventory.groups["wg_spoke"]:
        addresses = [parse_interface_address(text).host for text in inventory.hosts[spoke]["wireguard_addresses"]]
        subnets = map(parse_prefix, inventory.hosts[spoke].get("wireguard_subnets", []))
        for prefix in [*addresses, *subnets]:
            owners = [
                peer["name"]
                for peer in hub["peers"]
                if any(parse_prefix(allowed).covers(prefix) for allowed in peer["allowed_ips"])
            ]
            assert owners == [spoke]


@given(inventories())
def test_no_prefix_is_on_two_peers_of_an_interface(inventory: Inventory) -> None:
    for plan in inventory.plan().hosts.values():
        counts = Counter(allowed for peer in plan["peers"] for allowed in peer["allowed_ips"])
        assert [prefix for prefix, count in counts.items() if count > 1] == []


@given(inventories())
def test_no_spoke_sends_its_own_subnets_into_the_tunnel(inventory: Inventory) -> None:
    plans = inventory.plan().hosts
    for spoke in inventory.groups["wg_spoke"]:
        own = set(inventory.hosts[spoke].get("wireguard_subnets", []))
        assert not own & set(plans[spoke]["peers"][0]["allowed_ips"])


@given(inventories(), st.randoms(use_true_random=False))
def test_the_order_of_the_inventory_does_not_matter(inventory: Inventory, random: Any) -> None:
    before = inventory.plan().hosts
    random.shuffle(inventory.groups["wg_spoke"])
    for variables in inventory.hosts.values():
        random.shuffle(variables.get("wireguard_subnets", []))
    assert inventory.plan().hosts == before


@given(inventories(), st.data())
def test_removing_a_spoke_changes_its_hub_and_who_used_its_subnets(inventory: Inventory, data: st.DataObject) -> None:
    spokes = inventory.groups["wg_spoke"]
    if len(spokes) == 1:
        return
    gone = data.draw(st.sampled_from(spokes))
    subnets = set(inventory.hosts[gone].get("wireguard_subnets", []))
    before = inventory.plan().hosts
    spokes.remove(gone)
    after = inventory.plan().hosts
    for spoke in spokes:
        (peer,) = before[spoke]["peers"]
        peer["allowed_ips"] = [prefix for prefix in peer["allowed_ips"] if prefix not in subnets]
        assert after[spoke] == before[spoke]
    remaining = [peer for peer in before["hub"]["peers"] if peer["name"] != gone]
    assert after["hub"]["peers"] == remaining


@given(inventories(), st.data())
def test_a_peer_is_left_out_only_while_its_key_is_unknown(inventory: Inventory, data: st.DataObject) -> None:
    unknown = data.draw(st.sets(st.sampled_from(sorted(inventory.hosts))))
    plans = inventory.plan(without=unknown).hosts
    whole = inventory.plan().hosts
    for host, plan in plans.items():
        known = [peer for peer in whole[host]["peers"] if peer["name"] not in unknown]
        assert plan["peers"] == known
        assert (plan["peers_mode"] == "merge") == (len(known) < len(whole[host]["peers"]))
