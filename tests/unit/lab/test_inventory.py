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


def test_what_leads_to_the_machines_is_not_for_the_controller() -> None:
    everything = inventory(HOSTS)["all"]
    assert not [name for name in everything["vars"] if name.startswith("ansible_")]
    assert everything["children"]["machines"]["vars"]["ansible_host"] == "127.0.0.1"


def test_text_is_the_inventory() -> None:
    text = render_inventory(HOSTS)
    assert text.startswith("# ")
    assert yaml.safe_load(text) == inventory(HOSTS)
