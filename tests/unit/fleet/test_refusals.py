# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bad inventory is refused with the host, the variable, the value and the remedy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory import option_parsers
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.errors import FleetError, HostError
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.network_options import list_options
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.reader import Aside, read_networks
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.topology import TOPOLOGY_OPTIONS
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import Inventory, key_of

ROLE = Path(__file__).parents[3] / "roles" / "network"


def having(host: str, **variables: Any) -> Callable[[Inventory], object]:
    names = {f"wireguard_{name}": value for name, value in variables.items()}
    return lambda inventory: inventory.hosts[host].update(names)


def home(**options: Any) -> Callable[[Inventory], object]:
    return lambda inventory: inventory.networks["home"].update(options)


def groups(**members: list[str]) -> Callable[[Inventory], object]:
    return lambda inventory: inventory.groups.update(members)


def client(**options: Any) -> Callable[[Inventory], object]:
    return home(clients={"phone": options})


def second(**options: Any) -> Callable[[Inventory], object]:
    """A second network of hub and ada, good but for these options; its variables are overrides."""

    def change(inventory: Inventory) -> None:
        inventory.networks["lab"] = {"prefixes": ["10.9.0.0/24"], "interface": "wg1", "port": 51821, "hubs": "lab_hub"}
        inventory.networks["lab"].update(spokes="lab_spoke", **options)
        inventory.groups.update(lab_hub=["hub"], lab_spoke=["ada"])
        inventory.hosts["hub"]["wireguard_addresses"].append("10.9.0.1")
        inventory.hosts["ada"]["wireguard_addresses"].append("10.9.0.2")

    return change


def both(*changes: Callable[[Inventory], object]) -> Callable[[Inventory], object]:
    return lambda inventory: [change(inventory) for change in changes]


def of_topology(topology: str, **options: Any) -> Callable[[Inventory], object]:
    """The same hosts in another topology."""

    def change(inventory: Inventory) -> None:
        inventory.networks["home"].update(topology=topology, **options)
        inventory.groups["wg_member"] = ["hub", "ada", "bob", "cid"]

    return change


def networks(value: object) -> Callable[[Inventory], object]:
    return lambda inventory: setattr(inventory, "networks", value)


# What is wrong, and the parts of the message: host, variable, value, problem, remedy.
REFUSALS: dict[str, tuple[Callable[[Inventory], object], list[str]]] = {
    "no network": (networks(None), ["wireguard_networks: no network is defined", "define it for all hosts"]),
    "networks are no dictionary": (networks(["home"]), ["wireguard_networks: no network is defined"]),
    "a network without options": (
        networks({"home": None}),
        ["wireguard_networks.home: not a dictionary", "write NAME: VALUE"],
    ),
    "a network's name": (
        networks({"../home": {"prefixes": ["10.8.0.0/24"]}}),
        ["wireguard_networks '../home': not a network's name", "use letters"],
    ),
    "no prefixes": (home(prefixes=[]), ["wireguard_networks.home.prefixes: missing", "10.8.0.0/24"]),
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
        ["wireguard_networks.home.hubs 'hubz': the inventory has no such group", "use another group"],
    ),
    "no hub": (groups(wg_hub=[]), ["wireguard_networks.home.hubs 'wg_hub': the group has no hosts", "add hosts"]),
    "no spoke": (groups(wg_spoke=[]), ["wireguard_networks.home.spokes 'wg_spoke': the group has no hosts"]),
    "a hub that is a spoke": (
        groups(wg_spoke=["hub", "ada"]),
        [
            "hub: wireguard_networks.home.spokes: the host is already in wireguard_networks.home.hubs",
            "remove it from one group",
        ],
    ),
    "a hub without endpoint": (
        having("hub", endpoint=None),
        ["hub: wireguard_endpoint: the hub has none", "such as vpn.example.org"],
    ),
    "an endpoint that is a dictionary": (
        having("ada", endpoint={"a": 1}),
        ["ada: wireguard_endpoint", "expected a string, not a dictionary; write a string such as vpn.example.org"],
    ),
    "an endpoint that is a list": (
        having("ada", endpoint_inside=["192.0.2.1"]),
        ["ada: wireguard_endpoint_inside", "expected a string, not a list"],
    ),
    "an alias that is a dictionary": (
        having("ada", alias={"a": 1}),
        ["ada: wireguard_alias", "expected a string, not a dictionary; write a string such as 'office network'"],
    ),
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
    "an alias": (having("ada", alias="it's"), ["ada: wireguard_alias", "which a wg-quick file cannot hold"]),
    "an endpoint policy": (
        having("ada", endpoint_policy="strict"),
        ["ada: wireguard_endpoint_policy 'strict': unknown; write initial or enforce"],
    ),
    "an interval that is no time": (
        having("ada", reresolve="often"),
        ["ada: wireguard_reresolve 'often': out of range or not a time span", "such as 30s, 2min or 1h"],
    ),
    "metrics that are neither": (
        having("ada", metrics="perhaps"),
        ["ada: wireguard_metrics 'perhaps': neither true nor false"],
    ),
    "a relative directory of metrics": (
        having("ada", metrics_directory="var/lib"),
        ["ada: wireguard_metrics_directory 'var/lib': not the path of a directory", "give an absolute path"],
    ),
    "a directory of metrics that is another one": (
        having("ada", metrics_directory="/srv/../etc"),
        ["ada: wireguard_metrics_directory '/srv/../etc': not the path of a directory"],
    ),
    "a directory of metrics that systemd would read otherwise": (
        having("ada", metrics_directory="/srv/%i"),
        ["ada: wireguard_metrics_directory '/srv/%i': not the path of a directory"],
    ),
    "metrics at every second": (
        having("ada", metrics_interval=1),
        ["ada: wireguard_metrics_interval 1: out of range", "from 5 to 86400"],
    ),
    "metrics of one network": (
        having("ada", overrides={"home": {"metrics": True}}),
        ["ada: wireguard_overrides.home.metrics: unknown option"],
    ),
    "a confirmation of its own kind": (
        having("ada", confirm="perhaps"),
        ["ada: wireguard_confirm 'perhaps': neither true nor false"],
    ),
    "no time to confirm": (having("ada", confirm_timeout=5), ["ada: wireguard_confirm_timeout 5: out of range"]),
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
        ["hub: wireguard_netns 'vpn': the host forwards packets, which is not supported in a namespace", "on a hub"],
    ),
    "subnets behind a namespace": (having("bob", netns="vpn"), ["bob: wireguard_netns 'vpn': the host forwards"]),
    "an unknown variable": (
        having("ada", adress="10.8.0.2"),
        ["ada: wireguard_adress: unknown variable; did you mean wireguard_addresses?", "wireguard_ignored_variables"],
    ),
    "a member in no group": (
        groups(all=["hub", "ada", "bob", "cid"], wg_spoke=["ada", "bob"]),
        [
            "cid: wireguard_addresses ['10.8.0.4']: the host is in no group of a network",
            "add it to a group of a network, such as the spokes, or remove its addresses",
        ],
    ),
    "a name that is no host's": (
        both(groups(wg_spoke=["ada", "a/b"]), lambda inventory: inventory.hosts.update({"a/b": {}})),
        ["a/b: wireguard_networks.home 'a/b': not a host's name", "use letters, digits"],
    ),
    "a network of one host": (
        of_topology("mesh", members="one"),
        ["wireguard_networks.home.members 'one': the inventory has no such group", "use another group"],
    ),
    "a mesh of one": (
        both(of_topology("mesh", members="one"), groups(one=["ada"])),
        ["wireguard_networks.home: its only member is ada", "add another host to its groups"],
    ),
    "a network of nobody": (
        both(of_topology("mesh", members="one"), groups(one=[])),
        ["wireguard_networks.home.members 'one': the group has no hosts", "add hosts to it"],
    ),
    "an option of another topology": (
        of_topology("mesh", hubs="wg_hub"),
        ["wireguard_networks.home.hubs: not an option of the topology mesh", "mesh has members"],
    ),
    "clients of a mesh": (
        of_topology("mesh", clients={"phone": {}}),
        ["wireguard_networks.home.clients: not an option of the topology mesh", "use hub_and_spoke"],
    ),
    "spokes that are named and not there": (
        home(spokes="spokez", clients={"phone": {}}),
        ["wireguard_networks.home.spokes 'spokez': the inventory has no such group"],
    ),
    "a home hub that is none": (
        having("ada", hub="hubb"),
        ["ada: wireguard_hub 'hubb': not a hub of the network home; did you mean hub?"],
    ),
    "a spoke as a home hub": (having("ada", hub="bob"), ["ada: wireguard_hub 'bob': not a hub of the network home"]),
    "a home hub of a client": (
        client(hub="ada"),
        ["wireguard_networks.home.clients.phone.hub 'ada': not a hub of the network home; write hub"],
    ),
    "a port of the network": (home(port=0), ["wireguard_networks.home.port 0", "from 1 to 65535"]),
    "days of rest": (home(rest_days="long"), ["wireguard_networks.home.rest_days 'long'", "from 0 to 36500"]),
    "a pool outside": (
        home(pools=["10.8.0.128/25", "10.9.0.0/24"]),
        ["wireguard_networks.home.pools '10.9.0.0/24': outside the network", "10.8.0.0/24, fd00:8::/64"],
    ),
    "a pool that is none": (home(pools=["all"]), ["wireguard_networks.home.pools 'all': not an IP address"]),
    "an inside endpoint without a site": (
        having("hub", endpoint_inside="172.16.0.1"),
        ["hub: wireguard_endpoint_inside '172.16.0.1:51820'", "set wireguard_site too"],
    ),
    "a site": (having("hub", site=[]), ["hub: wireguard_site []: not a name"]),
    "an excluded subnet": (having("ada", excluded_subnets=["x"]), ["ada: wireguard_excluded_subnets 'x'"]),
    "a route": (having("ada", routes={"to": "x"}), ["ada: wireguard_routes {'to': 'x'}: not a list"]),
    "accepting a changed key": (
        having("ada", accept_changed_keys="maybe"),
        ["ada: wireguard_accept_changed_keys 'maybe': neither true nor false", "write true or false"],
    ),
    "a full tunnel in a mesh": (
        both(of_topology("mesh"), having("ada", tunnel="full")),
        ["ada: wireguard_tunnel 'full': the host has no hub to send everything to", "wireguard_overrides"],
    ),
    "routes in a mesh": (
        both(of_topology("mesh"), having("ada", routes=["172.16.0.0/12"])),
        ["ada: wireguard_routes '172.16.0.0/12': the host has no hub", "remove it"],
    ),
    "a gateway without subnets": (
        of_topology("site_to_site"),
        ["ada, cid, hub: wireguard_subnets: the gateway has no subnets", "list the subnets of its site"],
    ),
    "custom without links": (
        of_topology("custom"),
        ["wireguard_networks.home.links: missing", "such as {from: offices, to: datacentre}"],
    ),
    "links that are no list": (
        of_topology("custom", links={"from": "hub", "to": "ada"}),
        ["wireguard_networks.home.links: not a list"],
    ),
    "a link without an end": (
        of_topology("custom", links=[{"from": "hub"}]),
        ["wireguard_networks.home.links[0].to: missing; write from and to"],
    ),
    "a link with another option": (
        of_topology("custom", links=[{"from": "hub", "too": "ada"}]),
        ["wireguard_networks.home.links[0].too: unknown option; did you mean to?"],
    ),
    "a link to nobody": (
        of_topology("custom", links=[{"from": "hub", "to": "wg_spok"}]),
        [
            "wireguard_networks.home.links[0].to 'wg_spok': neither a group with hosts nor a host",
            "did you mean wg_spoke?",
        ],
    ),
    "a link to itself": (
        of_topology("custom", links=[{"from": "hub", "to": "ada"}, {"from": "wg_hub", "to": "hub"}]),
        ["wireguard_networks.home.links[1] 'wg_hub': it links a host to itself", "name two hosts"],
    ),
    "a client that is named like a host": (
        home(clients={"ada": {}}),
        ["wireguard_networks.home.clients 'ada': the inventory has a host of this name", "another name"],
    ),
    "a client's name": (
        home(clients={"my phone": {}}),
        ["wireguard_networks.home.clients 'my phone': not a client's name", "use letters, digits"],
    ),
    "clients that are no dictionary": (home(clients=["phone"]), ["wireguard_networks.home.clients: not a dictionary"]),
    "a client that is no dictionary": (
        home(clients={"phone": "yes"}),
        ["wireguard_networks.home.clients.phone: not a dictionary"],
    ),
    "an unknown option of a client": (
        client(endpoint="x"),
        ["wireguard_networks.home.clients.phone.endpoint: unknown option; write one of addresses, dns, dns_search, "],
    ),
    "a client's key": (
        client(public_key="abc"),
        ["wireguard_networks.home.clients.phone.public_key 'abc': not a WireGuard key", "44 characters"],
    ),
    "a client's key of small order": (
        client(public_key="AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        ["wireguard_networks.home.clients.phone.public_key 'AQAAAA", "no handshake can succeed with this key"],
    ),
    "two unknown options of a client": (
        client(endpoint="x", dsn=[]),
        ["phone.endpoint: unknown option; write one of", "phone.dsn: unknown option; did you mean dns?"],
    ),
    "two unknown options": (
        home(prefix=[], prot=1),
        ["home.prefix: unknown option; did you mean prefixes?", "home.prot: unknown option; did you mean port?"],
    ),
    "an interface's name that systemd changes": (
        home(interface="wg+0"),
        ["wireguard_networks.home.interface 'wg+0': nft, systemd or the kernel cannot use this", "use letters, digits"],
    ),
    "an address of the network itself": (
        having("ada", addresses=["10.8.0.0/32"]),
        ["ada: wireguard_addresses '10.8.0.0/32': the network address of 10.8.0.0/24", "give the host another"],
    ),
    "a client's broadcast address": (
        client(addresses=["10.8.0.255"]),
        ["wireguard_networks.home.clients.phone.addresses '10.8.0.255/24': the broadcast address of 10.8.0.0/24"],
    ),
    "a small MTU for IPv6": (
        having("ada", mtu=1200),
        ["ada: wireguard_mtu 1200: IPv6 needs an MTU of at least 1280", "give 1280 or more, or leave IPv6 out"],
    ),
    "a small MTU of a client": (
        client(addresses=["10.8.0.9", "fd00:8::9"], mtu=1200),
        ["wireguard_networks.home.clients.phone.mtu 1200: IPv6 needs an MTU of at least 1280"],
    ),
    "search domains without servers": (
        having("ada", dns_search=["corp.example"]),
        ["ada: wireguard_dns_search 'corp.example': there is no name server for it; give dns as well"],
    ),
    "a name in other letters": (
        having("ada", listenport=1, tabel=5, fwmakr=7),
        ["did you mean wireguard_listen_port?", "did you mean wireguard_table?", "did you mean wireguard_fwmark?"],
    ),
    "a client's address": (
        client(addresses=["10.8.0.2"]),
        ["wireguard_networks.home.clients.phone.addresses '10.8.0.2': ada has this address too"],
    ),
    "a client's address outside": (
        client(addresses=["10.9.0.2"]),
        ["wireguard_networks.home.clients.phone.addresses '10.9.0.2': outside the network home"],
    ),
    "a client's date": (
        client(valid_until="soon"),
        ["wireguard_networks.home.clients.phone.valid_until 'soon': not a date", "such as 2026-12-31"],
    ),
    "a day that is none": (
        client(valid_until="2026-02-30"),
        ["wireguard_networks.home.clients.phone.valid_until '2026-02-30': not a date"],
    ),
    "an override of no network": (
        having("ada", overrides={"hom": {"mtu": 1400}}),
        ["ada: wireguard_overrides.hom: unknown option; did you mean home?"],
    ),
    "an unknown override": (
        having("ada", overrides={"home": {"wireguard_mtu": 1400}}),
        ["ada: wireguard_overrides.home.wireguard_mtu: unknown option; did you mean mtu?"],
    ),
    "a bad override": (
        having("ada", overrides={"home": {"mtu": 5}}),
        ["ada: wireguard_overrides.home.mtu 5: out of range", "from 576 to 65535"],
    ),
    "overrides that are no dictionary": (
        having("ada", overrides=["home"]),
        ["ada: wireguard_overrides: not a dictionary"],
    ),
    "one interface in two networks": (
        second(interface="wg0"),
        [
            "hub, ada: wireguard_networks.lab.interface 'wg0': home has the same interface name, and the host is in",
            "use another name there, such as wg1",
        ],
    ),
    "one port in two networks": (
        second(port=51820),
        [
            "hub: wireguard_listen_port 51820: the host uses this port in the network home too",
            "set wireguard_overrides.lab.listen_port, or its default wireguard_networks.lab.port, to another port",
        ],
    ),
    "one endpoint in two networks": (
        both(second(), having("hub", endpoint="vpn.example.org:4500")),
        [
            "hub: wireguard_endpoint 'vpn.example.org:4500': it leads to the host's interface in the network home",
            "set wireguard_overrides.lab.endpoint",
        ],
    ),
    "two full tunnels": (
        both(second(), having("ada", tunnel="full")),
        ["ada: wireguard_tunnel 'full': all traffic already goes through the network home", "wireguard_overrides"],
    ),
    "two networks in one place": (
        second(prefixes=["10.8.0.0/16"]),
        [
            "wireguard_networks.home.prefixes '10.8.0.0/24': overlaps with 10.8.0.0/16 of the network itself",
            "make them disjoint for hub, ada, or remove it from one network",
        ],
    ),
    "a subnet in two networks": (
        both(second(), having("ada", subnets=["192.168.7.0/25"])),
        ["ada: wireguard_subnets '192.168.7.0/25': overlaps with 192.168.7.0/24 of bob in the network home"],
    ),
    "an address that lies in none of two networks": (
        both(second(), having("ada", addresses=["10.8.0.2", "10.9.0.2", "10.99.0.2"])),
        ["ada: wireguard_addresses '10.99.0.2': outside the networks home, which is 10.8.0.0/24, fd00:8::/64, and lab"],
    ),
    "a secret that is none": (
        home(preshared_secret=" "),
        ["wireguard_networks.home.preshared_secret: too short to be a secret", "openssl rand -base64 32"],
    ),
    "preshared keys that are no list": (
        home(preshared_keys={"ada": "x"}),
        ["wireguard_networks.home.preshared_keys: not a list"],
    ),
    "a preshared key of nobody": (
        home(preshared_keys=[{"between": ["hub", "adda"], "key": key_of("psk")}]),
        ["wireguard_networks.home.preshared_keys[0].between 'adda': not a member of the network; did you mean ada?"],
    ),
    "a preshared key of one": (
        home(preshared_keys=[{"between": ["hub", "hub"], "key": key_of("psk")}]),
        ["wireguard_networks.home.preshared_keys[0].between 'hub': not a pair", "such as [hub1, laptop]"],
    ),
    "a preshared key without a key": (
        home(preshared_keys=[{"between": ["hub", "ada"]}]),
        ["wireguard_networks.home.preshared_keys[0].key: missing; write between and key"],
    ),
    "a second preshared key": (
        home(preshared_keys=[{"between": pair, "key": key_of("psk")} for pair in (["hub", "ada"], ["ada", "hub"])]),
        ["wireguard_networks.home.preshared_keys[1].between 'ada, hub': the pair already has a key"],
    ),
}

# These show only when the tunnels are known: a value and its problem, of a plan.
LOOPS: dict[str, tuple[Callable[[Inventory], object], list[str]]] = {
    "an endpoint in the network": (
        having("hub", endpoint="10.8.0.1"),
        [
            "hub: wireguard_endpoint '10.8.0.1:51820': routing loop: it is in 10.8.0.0/24",
            "which ada, bob, cid would send into the tunnel",
            "use an endpoint outside of it, or exclude it from the tunnel with wireguard_excluded_subnets",
        ],
    ),
    "an endpoint behind a spoke": (
        having("hub", endpoint="192.168.7.1"),
        [
            "hub: wireguard_endpoint '192.168.7.1:51820': routing loop: it is in 192.168.7.0/24",
            "which ada, cid would send into the tunnel",
        ],
    ),
    "an inside endpoint in its own subnet": (
        both(
            having("hub", endpoint_inside="192.168.8.1", site="x", subnets=["192.168.8.0/24"]),
            having("ada", site="x"),
        ),
        [
            "hub: wireguard_endpoint_inside '192.168.8.1:51820': routing loop: it is in 192.168.8.0/24",
            "which ada would send into the tunnel",
        ],
    ),
    "a route around the endpoint": (
        both(having("hub", endpoint="203.0.113.1"), having("ada", routes=["203.0.113.0/24"])),
        ["hub: wireguard_endpoint '203.0.113.1:51820': routing loop: it is in 203.0.113.0/24, which ada would"],
    ),
    "a hole in a full tunnel, and a hub's name": (
        having("ada", tunnel="full", excluded_subnets=["192.168.0.0/16"]),
        [
            "ada: wireguard_excluded_subnets '192.168.0.0/16': the address of vpn.example.org:51820 must stay outside",
            "use an IP address in wireguard_endpoint of hub, or set wireguard_table to off",
        ],
    ),
}

# Where a loop could be seen, and is none.
NO_LOOPS: dict[str, Callable[[Inventory], object]] = {
    "a default route": both(having("hub", endpoint="203.0.113.1"), having("ada", tunnel="full")),
    "what is behind the host itself": both(
        having("hub", endpoint="192.168.7.1"),
        having("ada", excluded_subnets=["192.168.7.0/24"]),
        having("cid", excluded_subnets=["192.168.7.1"]),
    ),
    "a table of one's own": both(
        having("hub", endpoint="203.0.113.1"), having("ada", routes=["203.0.113.0/24"], table="off")
    ),
    "a namespace": both(having("hub", endpoint="203.0.113.1"), having("ada", routes=["203.0.113.0/24"], netns="vpn")),
    "a hole in a client's tunnel": client(tunnel="full", excluded_subnets=["192.168.0.0/16"], addresses=["10.8.0.9"]),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_bad_inventory_is_refused(case: str) -> None:
    change, parts = REFUSALS[case]
    with pytest.raises(FleetError) as caught:
        Inventory().changed(change).read()
    text = str(caught.value)
    assert [part for part in parts if part not in text] == [], text
    assert all(problem.remedy for problem in caught.value.problems)


@pytest.mark.parametrize("case", LOOPS)
def test_a_routing_loop_is_refused_also_before_keys_are_known(case: str) -> None:
    change, parts = LOOPS[case]
    inventory = Inventory().changed(change)
    with pytest.raises(FleetError) as caught:
        inventory.plan(without=inventory.hosts)
    text = str(caught.value)
    assert [part for part in parts if part not in text] == [], text
    assert len(text.splitlines()) == 1


@pytest.mark.parametrize("case", NO_LOOPS)
def test_what_is_no_routing_loop_is_planned(case: str) -> None:
    assert Inventory().changed(NO_LOOPS[case]).plan().hosts["ada"]["options"]["peers"]


SECRET = key_of("secret")


@pytest.mark.parametrize(
    "value",
    [
        [{"home": {"preshared_secret": SECRET}}],
        {"home": [SECRET]},
        {"home": SECRET},
        {"home": {"preshared_secret": [SECRET]}},
        {"home": {"preshared_secret": {"key": SECRET}}},
        {"home": {"preshared_keys": SECRET}},
        {"home": {"preshared_keys": [SECRET]}},
        {"home": {"preshared_keys": [{"between": ["hub", "ada"], "key": SECRET + "x"}]}},
        {"home": {"preshared_keys": [{"between": ["hub", "ada"], "key": [SECRET]}]}},
        {"home": {"preshared_keys": [{"between": ["hub", "ada"], "kex": SECRET}]}},
        {"home": {"preshared_keys": {"between": ["hub", "ada"], "key": SECRET}}},
        {"home": {"clients": {"phone": {"preshared_key": SECRET}}}},
        {"home": {"clients": {"phone": [SECRET]}}},
        {"home": {"links": [SECRET], "topology": "custom"}},
    ],
)
def test_no_message_shows_a_secret(value: object) -> None:
    with pytest.raises(FleetError) as caught:
        Inventory().changed(networks(value)).read()
    assert SECRET not in str(caught.value)
    assert SECRET not in repr(caught.value)


def test_preshared_keys_are_let_pass_and_are_nowhere_in_a_plan() -> None:
    pair = {"between": ["hub", "phone"], "key": SECRET}
    inventory = Inventory().changed(
        home(preshared_secret=SECRET, preshared_keys=[pair], clients={"phone": {"addresses": ["10.8.0.9"]}})
    )
    (network,) = inventory.read()
    assert SECRET not in repr(network)
    assert SECRET not in repr(inventory.plan())


def test_two_clients_with_one_key_are_refused() -> None:
    options = {"public_key": key_of("ada"), "addresses": ["10.8.0.9"]}
    with pytest.raises(FleetError) as caught:
        Inventory().changed(home(clients={"phone": options})).plan()
    text = str(caught.value)
    assert text.startswith(f"wireguard_networks.home.clients.phone.public_key {key_of('ada')!r}: ada has this key too")
    assert "make a separate key pair on each device" in text


def test_a_long_client_name_is_a_warning_that_says_where_it_matters() -> None:
    inventory = Inventory().changed(
        home(clients={"mail-relay_at_home": {"addresses": ["10.8.0.9"]}, "fifteen-letters": {}})
    )
    inventory.networks["home"]["clients"]["fifteen-letters"] = {"addresses": ["10.8.0.10"]}
    (warning,) = inventory.plan().warnings
    assert "longer than 15 characters: mail-relay_at_home (could be mail-relay_at)." in warning
    assert "wg-quick, NetworkManager and the WireGuard app for Android refuse longer names" in warning


def test_problems_of_single_clients_can_be_put_aside() -> None:
    clients = {"phone": {"dns_search": ["corp.example"], "mtu": 5, "addresses": ["10.8.0.9"]}, "tablet": {"mtu": 1300}}
    aside = Aside(spare_clients=True)
    (network,) = Inventory().changed(home(clients=clients)).read(aside)
    assert [member.name for member in network.clients] == ["phone", "tablet"]
    assert [problem.client for problem in aside.clients] == [("home", "phone")] * 2
    with pytest.raises(FleetError, match="ada: wireguard_mtu 5"):
        Inventory().changed(both(home(clients=clients), having("ada", mtu=5))).read(Aside(spare_clients=True))


def test_routes_are_checked_before_any_key_is_known() -> None:
    inventory = Inventory().changed(both(having("cid", mtu=1200), having("bob", subnets=["fd00:9::/64"])))
    with pytest.raises(FleetError, match=r"cid: wireguard_mtu 1200: IPv6 needs an MTU of at least 1280"):
        inventory.plan(without=inventory.hosts)
    plan = inventory.changed(having("cid", table="off")).plan(without=inventory.hosts)
    assert plan.hosts["cid"]["options"]["mtu"] == 1200


def test_two_networks_of_one_host_are_fine_when_they_keep_apart() -> None:
    home_network, lab = Inventory().changed(second()).read()
    assert [str(address) for host in lab.hosts for address in host.addresses] == ["10.9.0.1/24", "10.9.0.2/24"]
    assert [len(host.addresses) for host in home_network.hosts] == [2, 2, 1, 1]


def test_what_is_behind_the_only_host_in_two_networks_is_no_matter() -> None:
    inventory = Inventory().changed(second())
    inventory.groups.update(lab_hub=["bob"], lab_spoke=["eve"])
    inventory.hosts["bob"].update(wireguard_endpoint="bob.example.org", wireguard_addresses=["10.8.0.3", "10.9.0.3"])
    inventory.hosts["hub"]["wireguard_addresses"].pop()
    inventory.hosts["ada"]["wireguard_addresses"].pop()
    inventory.hosts["eve"] = {"wireguard_addresses": ["10.9.0.9"]}
    assert [len(network.members) for network in inventory.read()] == [4, 2]


def test_who_is_outside_is_let_be_when_its_variables_cannot_be_templated() -> None:
    inventory = Inventory()
    inventory.groups["all"] = [*inventory.hosts, "web"]

    def variables(host: str) -> dict[str, Any]:
        if host == "web":
            raise FleetError([HostError("web", "wireguard_mtu", None, "cannot be templated", "define it")])
        return inventory.hosts[host]

    (network,) = read_networks(inventory.networks, inventory.groups, variables)
    assert len(network.members) == 4


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


def test_a_host_in_two_networks_is_named_once() -> None:
    inventory = Inventory()
    second()(inventory)
    inventory.hosts["ada"]["wireguard_confirm"] = "never"
    with pytest.raises(FleetError) as caught:
        inventory.read()
    assert str(caught.value) == "ada: wireguard_confirm 'never': neither true nor false; write true or false"


def test_the_role_documents_just_the_variables_that_are_valid() -> None:
    specification = yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text())
    documented = set(specification["argument_specs"]["main"]["options"])
    assert documented == {*option_parsers.HOST_VARIABLES, *option_parsers.FLEET_VARIABLES}
    text = " ".join(specification["argument_specs"]["main"]["options"]["wireguard_networks"]["description"])
    assert [
        option
        for option in (*list_options(TOPOLOGY_OPTIONS), *option_parsers.CLIENT_OPTIONS)
        if f"C({option})" not in text
    ] == []
