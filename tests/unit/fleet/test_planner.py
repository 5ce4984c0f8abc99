# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Golden plans: what each host gets, to the last option."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.errors import FleetError
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.option_parsers import parse_reresolve
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.planner import plan_network
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import TODAY, Inventory, example, key_of


def test_the_classical_pair_of_server_and_roaming_client() -> None:
    assert example("two_hosts.yml").plan().hosts == {
        "server": {
            "network": "road",
            "options": {
                "interface": "wg0",
                "listen_port": 51820,
                "addresses": ["10.192.122.1/24"],
                "peers": [
                    {
                        "name": "client",
                        "public_key": key_of("client"),
                        "allowed_ips": ["10.192.122.3/32"],
                        "persistent_keepalive": 0,
                    }
                ],
                "peers_mode": "exact",
            },
            "interface_options": {},
            "public_key": key_of("server"),
            "forwarding": {"ipv4": True},
        },
        "client": {
            "network": "road",
            "options": {
                "interface": "wg0",
                "listen_port": 21841,
                "addresses": ["10.192.122.3/24"],
                "peers": [
                    {
                        "name": "server",
                        "public_key": key_of("server"),
                        "endpoint": "server.example.org:51820",
                        "allowed_ips": ["0.0.0.0/0"],
                        "persistent_keepalive": 25,
                    }
                ],
                "peers_mode": "exact",
            },
            "interface_options": {},
            "public_key": key_of("client"),
            "forwarding": {},
        },
    }


def test_the_example_of_a_hub_and_three_spokes() -> None:
    hosts = example("hub_and_spoke.yml").plan().hosts
    assert {host: plan["forwarding"] for host, plan in hosts.items()} == {
        "hub1": {"ipv4": True, "ipv6": True},
        "laptop": {},
        "office": {"ipv4": True},
        "server": {},
    }
    assert [(peer["name"], peer["allowed_ips"]) for peer in hosts["hub1"]["options"]["peers"]] == [
        ("laptop", ["10.8.0.2/32", "fd00:8::2/128"]),
        ("office", ["10.8.0.3/32", "192.168.7.0/24", "fd00:8::3/128"]),
        ("server", ["10.8.0.4/32", "fd00:8::4/128"]),
    ]
    assert {host: hosts[host]["options"]["peers"][0]["allowed_ips"] for host in ("laptop", "office", "server")} == {
        "laptop": ["0.0.0.0/0", "::/0"],
        "office": ["10.8.0.0/24", "fd00:8::/64"],
        "server": ["10.8.0.0/24", "192.168.7.0/24", "fd00:8::/64"],
    }


def test_a_full_tunnel_keeps_to_the_families_of_the_network() -> None:
    inventory = Inventory()
    inventory.networks["home"]["prefixes"] = ["10.8.0.0/24"]
    inventory.hosts["hub"]["wireguard_addresses"] = ["10.8.0.1"]
    inventory.hosts["ada"] = {"wireguard_addresses": ["10.8.0.2"], "wireguard_tunnel": "full"}
    inventory.hosts["bob"]["wireguard_subnets"] = ["fd00:99::/64"]
    assert inventory.plan().hosts["ada"]["options"]["peers"][0]["allowed_ips"] == ["0.0.0.0/0", "fd00:99::/64"]


@pytest.mark.parametrize(
    ("address", "expected"),
    [("10.8.0.9", "10.8.0.9/24"), ("10.8.0.9/32", "10.8.0.9/32"), ("10.8.0.9/16", "10.8.0.9/16")],
)
def test_only_a_bare_address_gets_the_length_of_its_network(address: str, expected: str) -> None:
    inventory = Inventory()
    inventory.hosts["ada"]["wireguard_addresses"] = [address]
    assert inventory.plan().hosts["ada"]["options"]["addresses"] == [expected]


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, (None, None, 25, 0)),
        ({"wireguard_endpoint": "ada.example.org"}, ("ada.example.org:51820", 51820, 0, 0)),
        ({"wireguard_endpoint": "[2001:db8::1]"}, ("[2001:db8::1]:51820", 51820, 0, 0)),
        ({"wireguard_endpoint": "192.0.2.1:99", "wireguard_listen_port": 98}, ("192.0.2.1:99", 98, 0, 0)),
        ({"wireguard_endpoint": "192.0.2.1", "wireguard_listen_port": "98"}, ("192.0.2.1:98", 98, 0, 0)),
        ({"wireguard_listen_port": 98}, (None, 98, 25, 0)),
        ({"wireguard_persistent_keepalive": 10}, (None, None, 10, 0)),
        ({"wireguard_persistent_keepalive": False}, (None, None, 0, 0)),  # YAML's off
        ({"wireguard_persistent_keepalive": "off"}, (None, None, 0, 0)),
    ],
)
def test_endpoint_port_and_keepalive(variables: dict[str, Any], expected: tuple[Any, ...]) -> None:
    """Expected: the endpoint at the hub, the spoke's port, the spoke's keepalive and the hub's."""
    inventory = Inventory()
    inventory.hosts["ada"].update(variables)
    hosts = inventory.plan().hosts
    (at_hub,) = (peer for peer in hosts["hub"]["options"]["peers"] if peer["name"] == "ada")
    (hub,) = hosts["ada"]["options"]["peers"]
    found = (
        at_hub.get("endpoint"),
        hosts["ada"]["options"].get("listen_port"),
        hub["persistent_keepalive"],
        at_hub["persistent_keepalive"],
    )
    assert found == expected


def test_options_are_there_only_where_they_are_given() -> None:
    inventory = Inventory()
    inventory.hosts["ada"].update(wireguard_mtu=1400, wireguard_fwmark="0xca6c", wireguard_table=False)
    inventory.hosts["ada"].update(wireguard_endpoint_policy="enforce", wireguard_reresolve=True)
    inventory.hosts["ada"].update(wireguard_netns="vpn", wireguard_birth_netns="physical")
    inventory.hosts["ada"].update(wireguard_confirm=True, wireguard_confirm_timeout="120")
    inventory.hosts["bob"].update(wireguard_confirm="no")
    hosts = inventory.plan().hosts
    assert hosts["ada"]["interface_options"] == {"confirm": "always", "confirm_timeout": 120}
    assert (hosts["bob"]["interface_options"], hosts["hub"]["interface_options"]) == ({"confirm": "never"}, {})
    given = {"netns": "vpn", "birth_netns": "physical", "mtu": 1400, "fwmark": 0xCA6C, "table": "off"}
    assert given.items() <= hosts["ada"]["options"].items()
    assert (hosts["ada"]["options"]["endpoint_policy"], hosts["ada"]["reresolve"]) == ("enforce", 60)
    assert set(hosts["bob"]["options"]) == {"interface", "addresses", "peers", "peers_mode"}
    assert "reresolve" not in hosts["bob"]


def test_metrics_have_the_directory_the_interval_and_when_clients_expire_that_are_peers() -> None:
    inventory = Inventory()
    inventory.networks["home"]["clients"] = {
        "phone": {"public_key": key_of("phone"), "valid_until": "2026-12-31"},
        "laptop": {"public_key": key_of("laptop")},
        "gone": {"public_key": key_of("gone"), "valid_until": "2020-01-01"},
    }
    inventory.hosts["hub"].update(wireguard_metrics="yes", wireguard_metrics_directory="/srv/textfiles/")
    inventory.hosts["ada"].update(wireguard_metrics=True, wireguard_metrics_interval="60")
    inventory.hosts["bob"].update(wireguard_metrics=False)
    hosts = inventory.plan().hosts
    end = int(datetime.datetime(2027, 1, 1, tzinfo=datetime.UTC).timestamp())
    assert hosts["hub"]["metrics"] == {"directory": "/srv/textfiles", "interval": 30, "clients": {"phone": end}}
    assert hosts["ada"]["metrics"] == {
        "directory": "/var/lib/prometheus/node-exporter",
        "interval": 60,
        "clients": {},
    }
    assert "metrics" not in hosts["bob"]
    assert "metrics" not in hosts["cid"]


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (True, 60), ("true", 60), ("Yes", 60), (False, 0), ("off", 0), ("no", 0), (10, 10), ("45", 45), ("30s", 30),
        ("90 sec", 90), ("2m", 120), ("2min", 120), ("1 minute 30 seconds", 90), ("1h", 3600), ("1hr 5min", 3900),
        ("1d", 86400),
    ],
)  # fmt: skip
def test_how_often_names_are_resolved_anew(value: object, seconds: int) -> None:
    assert parse_reresolve(value, "wireguard_reresolve") == seconds


def test_name_servers_and_alias_are_handed_on() -> None:
    inventory = Inventory()
    inventory.hosts["ada"].update(wireguard_dns="10.8.0.1, FD00:0::1", wireguard_dns_search=["Lan", "corp.example"])
    inventory.hosts["bob"].update(wireguard_dns=[], wireguard_alias=False, wireguard_table="vpn")
    hosts = {name: entry["options"] for name, entry in inventory.plan().hosts.items()}
    assert (hosts["ada"]["dns"], hosts["ada"]["dns_search"]) == (["10.8.0.1", "fd00::1"], ["lan", "corp.example"])
    assert (hosts["bob"]["dns"], hosts["bob"]["alias"], hosts["bob"]["table"]) == ([], "", "vpn")


def test_a_peer_without_a_key_is_left_out_and_purges_nothing() -> None:
    plan = Inventory().plan(without=["ada"])
    assert plan.unknown_keys == ("ada",)
    assert [peer["name"] for peer in plan.hosts["hub"]["options"]["peers"]] == ["bob", "cid"]
    assert {host: entry["options"]["peers_mode"] for host, entry in plan.hosts.items()} == {
        "hub": "merge",
        "ada": "exact",
        "bob": "exact",
        "cid": "exact",
    }


def test_two_hosts_with_one_key_are_refused() -> None:
    (network,) = Inventory().read()
    with pytest.raises(FleetError) as caught:
        plan_network(network, {"ada": key_of("ada"), "bob": key_of("ada")}, TODAY)
    text = str(caught.value)
    assert text.startswith("bob: public_key ")
    assert key_of("ada") in text
    assert "ada has this key too" in text
    assert "remove /etc/wireguard/private/wg0.key on one of them" in text


def test_two_networks_have_their_own_members() -> None:
    inventory = Inventory()
    inventory.networks["lab"] = {"prefixes": ["10.9.0.0/24"], "hubs": "lab_hub", "spokes": "lab", "interface": "wg1"}
    inventory.groups.update(lab_hub=["x"], lab=["y"])
    inventory.hosts.update(
        x={"wireguard_addresses": ["10.9.0.1"], "wireguard_endpoint": "x.example.org"},
        y={"wireguard_addresses": ["10.9.0.2"]},
    )
    home, lab = inventory.read()
    assert [member.name for member in home.members] == ["hub", "ada", "bob", "cid"]
    assert plan_network(lab, {"x": key_of("x")}, TODAY).hosts["y"]["options"]["interface"] == "wg1"
