# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import ipaddress

import yaml

from ansible_collections.cryptokey.wireguard.tests.lab.inventory import Host, inventory, render_inventory

HOSTS = [Host("hub", 1000, 1000), Host("spoke1", 1001, None), Host("spoke2", 1002, None), Host("spoke3", 1003, None)]


def test_hub_has_the_endpoint_that_spokes_reach() -> None:
    hub = inventory(HOSTS)["all"]["children"]["machines"]["children"]["wg_hub"]["hosts"]["hub"]
    assert hub["wireguard_endpoint"] == "10.0.2.2:1000"
    assert hub["wireguard_listen_port"] == 51820
    assert hub["ansible_port"] == 1000


def test_spokes_alternate_between_split_and_full_tunnels() -> None:
    spokes = inventory(HOSTS)["all"]["children"]["machines"]["children"]["wg_spoke"]["hosts"]
    assert {name: spoke["wireguard_tunnel"] for name, spoke in spokes.items()} == {
        "spoke1": "split",
        "spoke2": "full",
        "spoke3": "split",
    }
    assert [spoke.get("wireguard_subnets") for spoke in spokes.values()] == [
        ["192.168.91.0/24"],
        None,
        ["192.168.93.0/24"],
    ]


def test_addresses_are_different_and_of_the_network() -> None:
    everything = inventory(HOSTS)["all"]
    prefixes = [ipaddress.ip_network(prefix) for prefix in everything["vars"]["wireguard_networks"]["lab"]["prefixes"]]
    addresses = [
        ipaddress.ip_address(address)
        for group in everything["children"]["machines"]["children"].values()
        for host in group["hosts"].values()
        for address in host["wireguard_addresses"]
    ]
    assert len(set(addresses)) == 2 * len(HOSTS)
    assert all(any(address in prefix for prefix in prefixes) for address in addresses)


def test_members_keep_their_addresses_whoever_else_there_is() -> None:
    alone = inventory([HOSTS[3]])["all"]["children"]["machines"]["children"]["wg_spoke"]["hosts"]
    assert alone["spoke3"] == inventory(HOSTS)["all"]["children"]["machines"]["children"]["wg_spoke"]["hosts"]["spoke3"]


def test_other_machines_take_no_part_in_the_network() -> None:
    children = inventory([Host("kernel", 2000, None)])["all"]["children"]["machines"]["children"]
    assert children == {"others": {"hosts": {"kernel": {"ansible_port": 2000}}}}


def test_each_of_several_hubs_has_spokes_and_no_address_of_its_own() -> None:
    machines = [Host("hub1", 1, 11), Host("hub2", 2, 12), Host("spoke1", 3, None), Host("spoke2", 4, None)]
    groups = inventory(machines)["all"]["children"]["machines"]["children"]
    hubs = groups["wg_hub"]["hosts"]
    assert [hub["wireguard_endpoint"] for hub in hubs.values()] == ["10.0.2.2:11", "10.0.2.2:12"]
    assert not [name for hub in hubs.values() for name in hub if name == "wireguard_addresses"]
    spokes = groups["wg_spoke"]["hosts"]
    assert {name: spoke["wireguard_hub"] for name, spoke in spokes.items()} == {"spoke1": "hub1", "spoke2": "hub2"}


def test_only_a_network_of_several_hubs_has_a_phone_and_preshared_keys() -> None:
    machines = [Host("hub1", 1, 11), Host("hub2", 2, 12)]
    several, one = (inventory(hosts)["all"]["vars"]["wireguard_networks"]["lab"] for hosts in (machines, HOSTS))
    assert several["clients"] == {"phone": {"hub": "hub1"}}
    assert several.keys() - one.keys() == {"clients", "preshared_secret"}


def test_nodes_are_a_mesh_and_in_a_second_network_within_it() -> None:
    everything = inventory([Host("node1", 1, 11), Host("node2", 2, 12)])["all"]
    assert {name: net.get("topology") for name, net in everything["vars"]["wireguard_networks"].items()} == {
        "mesh": "mesh",
        "inner": None,
    }
    groups = everything["children"]["machines"]["children"]
    assert {name: list(group["hosts"]) for name, group in groups.items()} == {
        "inner_hub": ["node1"],
        "wg_member": ["node1", "node2"],
        "inner_spoke": ["node2"],
    }
    node1, node2 = (node["wireguard_overrides"] for node in groups["wg_member"]["hosts"].values())
    assert (node1["mesh"]["endpoint"], node2["mesh"]["endpoint"]) == ("10.0.2.2:11", "10.0.2.2:12")
    assert node1["inner"] == {"endpoint": f"{node1['mesh']['addresses'][0]}:51821"}


def test_what_leads_to_the_machines_is_not_for_the_controller() -> None:
    everything = inventory(HOSTS)["all"]
    assert not [name for name in everything["vars"] if name.startswith("ansible_")]
    assert everything["children"]["machines"]["vars"]["ansible_host"] == "127.0.0.1"


def test_text_is_the_inventory() -> None:
    text = render_inventory(HOSTS)
    assert text.startswith("# ")
    assert yaml.safe_load(text) == inventory(HOSTS)
