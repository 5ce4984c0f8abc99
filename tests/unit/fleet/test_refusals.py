# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bad inventory is refused with the host, the variable, the value and the remedy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._fleet import variables as v
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._fleet.errors import FleetError
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import Inventory

ROLE = Path(__file__).parents[3] / "roles" / "network"


def having(host: str, **variables: Any) -> Callable[[Inventory], object]:
    names = {f"wireguard_{name}": value for name, value in variables.items()}
    return lambda inventory: inventory.hosts[host].update(names)


def home(**options: Any) -> Callable[[Inventory], object]:
    return lambda inventory: inventory.networks["home"].update(options)


def groups(**members: list[str]) -> Callable[[Inventory], object]:
    return lambda inventory: inventory.groups.update(members)


def networks(value: object) -> Callable[[Inventory], object]:
    return lambda inventory: setattr(inventory, "networks", value)


# What is wrong, and the parts of the message: host, variable, value, problem, remedy.
REFUSALS: dict[str, tuple[Callable[[Inventory], object], list[str]]] = {
    "no network": (networks(None), ["wireguard_networks: there is no network", "define it for all hosts"]),
    "networks are no dictionary": (networks(["home"]), ["wireguard_networks ['home']: there is no network"]),
    "a network without options": (
        networks({"home": None}),
        ["wireguard_networks.home: not a dictionary", "prefixes at least"],
    ),
    "a network's name": (
        networks({"../home": {"prefixes": ["10.8.0.0/24"]}}),
        ["wireguard_networks '../home': not a network's name", "use letters"],
    ),
    "no prefixes": (home(prefixes=[]), ["wireguard_networks.home.prefixes: there is none", "10.8.0.0/24"]),
    "a bad prefix": (home(prefixes=["10.8.0.0/33"]), ["wireguard_networks.home.prefixes '10.8.0.0/33'", "0 to 32"]),
    "overlapping prefixes": (
        home(prefixes=["10.8.0.0/24", "fd00:8::/64", "10.8.0.128/25"]),
        ["wireguard_networks.home.prefixes '10.8.0.0/24': overlaps with 10.8.0.128/25", "make them disjoint"],
    ),
    "an interface's name": (home(interface="a/b"), ["wireguard_networks.home.interface 'a/b'", "1 to 15 letters"]),
    "an unknown option": (home(prefix=[]), ["wireguard_networks.home.prefix: unknown option; did you mean prefixes?"]),
    "an unknown topology": (home(topology="star"), ["wireguard_networks.home.topology 'star'", "write hub_and_spoke"]),
    "a group that is not there": (
        home(hubs="hubz"),
        ["wireguard_networks.home.hubs 'hubz': the inventory has no such group", "name another group here"],
    ),
    "no hub": (groups(wg_hub=[]), ["wireguard_networks.home.hubs 'wg_hub': the group has no hosts", "put the hosts"]),
    "no spoke": (groups(wg_spoke=[]), ["wireguard_networks.home.spokes 'wg_spoke': the group has no hosts"]),
    "two hubs": (
        groups(wg_hub=["hub", "ada"], wg_spoke=["bob", "cid"]),
        ["wireguard_networks.home.hubs 'ada, hub': hub_and_spoke has one hub so far", "leave one host in the group"],
    ),
    "a hub that is a spoke": (
        groups(wg_spoke=["hub", "ada"]),
        [
            "hub: wireguard_networks.home.spokes: the host has its place in wireguard_networks.home.hubs",
            "take it out of one group",
        ],
    ),
    "a host in two networks": (
        lambda inventory: inventory.networks.update(
            lab={"prefixes": ["10.9.0.0/24"], "hubs": "wg_spoke", "spokes": "wg_hub"}
        ),
        ["ada, bob, cid: wireguard_networks.lab.hubs: the host has its place in wireguard_networks.home.spokes"],
    ),
    "a hub without endpoint": (
        having("hub", endpoint=None),
        ["hub: wireguard_endpoint: the hub has none", "such as vpn.example.org"],
    ),
    "no address": (having("ada", addresses=None), ["ada: wireguard_addresses: there is none", "out of 10.8.0.0/24"]),
    "no address in the list": (having("ada", addresses=[]), ["ada: wireguard_addresses: there is none"]),
    "a bad address": (
        having("ada", addresses=["10.8.0.300"]),
        ["ada: wireguard_addresses '10.8.0.300': not an IP address", "write an address"],
    ),
    "an address that is a number": (having("ada", addresses=[5]), ["ada: wireguard_addresses 5: not a string"]),
    "addresses that are no list": (having("ada", addresses=5), ["ada: wireguard_addresses 5: not a list"]),
    "an address twice": (
        having("cid", addresses=["10.8.0.2"]),
        ["cid: wireguard_addresses '10.8.0.2': ada has this address too", "give each host its own"],
    ),
    "an address outside": (
        having("ada", addresses=["10.9.0.2"]),
        ["ada: wireguard_addresses '10.9.0.2': outside the network home", "10.8.0.0/24", "give an address inside"],
    ),
    "the subnet of another": (
        having("cid", subnets=["192.168.0.0/16"]),
        ["wireguard_subnets", "192.168.7.0/24", "overlaps with 192.168.0.0/16 of cid", "make them disjoint"],
    ),
    "the same subnet as another": (
        having("cid", subnets=["192.168.7.0/24"]),
        ["cid: wireguard_subnets '192.168.7.0/24': overlaps with 192.168.7.0/24 of bob"],
    ),
    "a subnet within the network": (
        having("cid", subnets=["10.8.0.64/26"]),
        ["cid: wireguard_subnets '10.8.0.64/26': overlaps with 10.8.0.0/24 of the network itself"],
    ),
    "a subnet around the network": (
        having("cid", subnets=["10.0.0.0/8"]),
        ["cid: wireguard_subnets '10.0.0.0/8': overlaps with 10.8.0.0/24 of the network itself"],
    ),
    "a bad subnet": (having("cid", subnets=["x"]), ["cid: wireguard_subnets 'x': not an IP address"]),
    "an unknown tunnel": (having("ada", tunnel="half"), ["ada: wireguard_tunnel 'half'", "write split or full"]),
    "an endpoint without brackets": (
        having("hub", endpoint="2001:db8::1"),
        ["hub: wireguard_endpoint '2001:db8::1': an IPv6 address needs brackets", "[2001:db8::1]:51820"],
    ),
    "an endpoint that is no host": (
        having("hub", endpoint="10.0.0.300"),
        ["hub: wireguard_endpoint '10.0.0.300': neither an IP address nor a host name"],
    ),
    "an endpoint's port": (having("hub", endpoint="x.example:0"), ["hub: wireguard_endpoint 'x.example:0'", "port"]),
    "a port": (having("ada", listen_port=65536), ["ada: wireguard_listen_port 65536", "from 1 to 65535"]),
    "a port of 0": (having("ada", listen_port=0), ["ada: wireguard_listen_port 0"]),
    "an MTU": (having("ada", mtu=100), ["ada: wireguard_mtu 100", "from 576 to 65535"]),
    "a keepalive": (
        having("ada", persistent_keepalive="often"),
        ["ada: wireguard_persistent_keepalive 'often'", "from 0 to 65535"],
    ),
    "a mark": (having("ada", fwmark="0xg"), ["ada: wireguard_fwmark '0xg'"]),
    "a table": (
        having("ada", table="7up"),
        ["ada: wireguard_table '7up'", "auto, off, or the number or name of a table"],
    ),
    "a name server": (
        having("ada", dns=["10.8.0.1", "dns.example"]),
        ["ada: wireguard_dns 'dns.example': not an IP address"],
    ),
    "name servers": (having("ada", dns={"first": "10.8.0.1"}), ["ada: wireguard_dns", "not a list; write a list"]),
    "a search domain": (having("ada", dns_search="~."), ["ada: wireguard_dns_search '~.': not a domain"]),
    "an alias": (having("ada", alias="it's"), ["ada: wireguard_alias", "which wg-quick's file cannot hold"]),
    "an endpoint policy": (
        having("ada", endpoint_policy="strict"),
        ["ada: wireguard_endpoint_policy 'strict': unknown; write initial or enforce"],
    ),
    "an interval that is no time": (
        having("ada", reresolve="often"),
        ["ada: wireguard_reresolve 'often': out of range or not a time span", "such as 30s, 2min or 1h"],
    ),
    "an interval of months": (having("ada", reresolve="2M0"), ["ada: wireguard_reresolve '2M0': out of range"]),
    "an interval of 0": (having("ada", reresolve=0), ["ada: wireguard_reresolve 0: out of range", "true, false or"]),
    "an interval of 9 seconds": (having("ada", reresolve="9s"), ["ada: wireguard_reresolve '9s': out of range"]),
    "an interval of 2 days": (having("ada", reresolve="1d 24h"), ["ada: wireguard_reresolve '1d 24h': out of range"]),
    "a namespace": (
        having("ada", netns="a/b"),
        ["ada: wireguard_netns 'a/b': not the name of a network namespace", "use letters"],
    ),
    "a birth namespace": (having("ada", birth_netns=7), ["ada: wireguard_birth_netns 7: not the name of a network"]),
    "a hub in a namespace": (
        having("hub", netns="vpn"),
        ["hub: wireguard_netns 'vpn': the host forwards packets, which is not set up in a namespace", "on a hub"],
    ),
    "subnets behind a namespace": (having("bob", netns="vpn"), ["bob: wireguard_netns 'vpn': the host forwards"]),
    "an unknown variable": (
        having("ada", adress="10.8.0.2"),
        ["ada: wireguard_adress: unknown option; did you mean wireguard_addresses?"],
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_bad_inventory_is_refused(case: str) -> None:
    change, parts = REFUSALS[case]
    with pytest.raises(FleetError) as caught:
        Inventory().changed(change).read()
    text = str(caught.value)
    assert [part for part in parts if part not in text] == [], text
    assert all(problem.remedy for problem in caught.value.problems)


def test_all_problems_are_shown_at_once_and_a_common_one_only_once() -> None:
    inventory = Inventory()
    for host in inventory.hosts:
        inventory.hosts[host]["wireguard_mtu"] = 5
    inventory.hosts["ada"]["wireguard_tunnel"] = "half"
    inventory.networks["home"]["hub"] = "x"
    with pytest.raises(FleetError) as caught:
        inventory.read()
    assert [line.split(": ")[0] for line in str(caught.value).splitlines()] == [
        "wireguard_networks.home.hub",
        "hub, ada, bob, cid",
        "ada",
    ]


def test_the_role_documents_just_the_variables_that_are_valid() -> None:
    specification = yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text())
    documented = set(specification["argument_specs"]["main"]["options"])
    # wireguard_hosts belongs to the playbooks.
    assert documented == {*v.HOST_VARIABLES, *v.FLEET_VARIABLES} - {"wireguard_hosts"}
    text = " ".join(specification["argument_specs"]["main"]["options"]["wireguard_networks"]["description"])
    assert [option for option in v.NETWORK_OPTIONS if f"C({option})" not in text] == []
