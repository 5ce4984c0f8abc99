# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Golden tunnels: the examples of the guide, and what else each topology has."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._options.parser import parse_interface
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.planner import Plan
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import (
    EXAMPLES,
    Inventory,
    example,
    key_of,
    options_of,
)

IPV6_HOME = "fd00:8::/64"


def tunnels(plan: Plan) -> dict[str, dict[str, tuple[str | None, int, list[str]]]]:
    """Host or client to peer to endpoint, keepalive and allowed_ips."""
    return {
        name: {
            peer["name"]: (peer.get("endpoint"), peer["persistent_keepalive"], peer["allowed_ips"])
            for peer in options["peers"]
        }
        for name, options in {**options_of(plan), **plan.clients}.items()
    }


@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.glob("*.yml")))
def test_every_example_is_planned_and_taken_by_the_modules(name: str) -> None:
    for network, plan in example(name).plans().items():
        assert plan.warnings == ()
        assert plan.unknown_keys == ()
        for entry in plan.hosts.values():
            assert entry["network"] == network
            assert parse_interface(entry["options"]).peers


def test_hubs_are_meshed_and_send_each_other_what_is_homed_there() -> None:
    found = tunnels(example("multi_hub.yml").plan())
    assert found["berlin"] == {
        "paris": (None, 0, ["10.8.0.16/32", "192.168.16.0/24", "fd00:8::10/128"]),
        "rome": (None, 0, ["10.8.0.17/32", "192.168.17.0/24", "fd00:8::11/128"]),
        "tokyo": ("tokyo.example.org:51820", 0, ["10.8.0.2/32", "10.8.0.32/31", "fd00:8::2/128", "fd00:8::20/127"]),
    }
    assert found["tokyo"]["berlin"] == (
        "berlin.example.org:51820",
        0,
        ["10.8.0.1/32", "10.8.0.16/31", "192.168.16.0/23", "fd00:8::1/128", "fd00:8::10/127"],
    )
    assert found["osaka"] == {
        "tokyo": (
            "tokyo.example.org:51820",
            25,
            ["10.8.0.0/24", "192.168.16.0/24", "192.168.17.0/24", IPV6_HOME],
        )
    }
    assert found["seoul"] == {"tokyo": ("tokyo.example.org:51820", 25, ["0.0.0.0/0", "::/0"])}


def test_a_spoke_that_moves_home_touches_its_hubs_and_itself() -> None:
    inventory = example("multi_hub.yml")
    before = inventory.plan().hosts
    inventory.hosts["rome"]["wireguard_hub"] = "tokyo"
    after = inventory.plan().hosts
    assert sorted(host for host in after if after[host] != before[host]) == ["berlin", "rome", "tokyo"]
    assert [peer["name"] for peer in after["rome"]["options"]["peers"]] == ["tokyo"]


def test_hubs_alone_are_a_network() -> None:
    inventory = example("multi_hub.yml")
    del inventory.groups["wg_spoke"], inventory.groups["all"]
    assert tunnels(inventory.plan()) == {
        "berlin": {"tokyo": ("tokyo.example.org:51820", 0, ["10.8.0.2/32", "fd00:8::2/128"])},
        "tokyo": {"berlin": ("berlin.example.org:51820", 0, ["10.8.0.1/32", "fd00:8::1/128"])},
    }


def test_in_a_mesh_hosts_of_one_site_meet_inside() -> None:
    found = tunnels(example("mesh.yml").plan())
    assert found["web1"] == {
        "backup": ("backup.example.org:51820", 0, ["10.9.0.3/32"]),
        "laptop": (None, 0, ["10.9.0.4/32"]),
        "web2": ("172.16.0.2:51820", 0, ["10.9.0.2/32"]),
    }
    assert found["laptop"] == {
        "backup": ("backup.example.org:51820", 25, ["10.9.0.3/32"]),
        "web1": ("203.0.113.1:51820", 25, ["10.9.0.1/32"]),
        "web2": ("203.0.113.2:51820", 25, ["10.9.0.2/32"]),
    }


def test_pairs_that_cannot_meet_are_named() -> None:
    inventory = example("mesh.yml")
    del inventory.hosts["backup"]["wireguard_endpoint"]
    plan = inventory.plan()
    assert [peer["name"] for peer in plan.hosts["laptop"]["options"]["peers"]] == ["web1", "web2"]
    (warning,) = plan.warnings
    assert warning == (
        "Network lab: pairs without a tunnel, as neither has an endpoint for the other: 1 (backup and laptop). "
        "They connect only through a hub; set wireguard_endpoint for one of each pair."
    )


def test_who_has_only_an_inside_endpoint_is_called_there_and_calls_the_others() -> None:
    inventory = example("mesh.yml")
    del inventory.hosts["web2"]["wireguard_endpoint"]
    plan = inventory.plan()
    found = tunnels(plan)
    assert plan.hosts["web2"]["options"]["listen_port"] == 51820
    assert found["web1"]["web2"][:2] == ("172.16.0.2:51820", 0)
    assert found["web2"]["web1"][:2] == ("172.16.0.1:51820", 0)
    assert found["backup"]["web2"][:2] == (None, 0)
    assert found["web2"]["backup"][:2] == ("backup.example.org:51820", 25)
    assert "laptop" not in found["web2"]
    assert "laptop and web2" in plan.warnings[0]


def test_gateways_send_each_other_what_is_behind_them() -> None:
    plan = example("site_to_site.yml").plan()
    assert tunnels(plan)["gw_rome"] == {
        "gw_berlin": ("berlin.example.org:51820", 25, ["10.10.0.1/32", "192.168.10.0/24", "fd00:10::/64"]),
        "gw_paris": ("paris.example.org:51820", 25, ["10.10.0.2/32", "192.168.20.0/24", "fd00:20::/64"]),
    }
    assert plan.hosts["gw_rome"]["forwarding"] == {"ipv4": True}
    assert plan.hosts["gw_paris"]["forwarding"] == {"ipv4": True, "ipv6": True}


def test_custom_has_just_the_tunnels_that_are_listed() -> None:
    found = tunnels(example("custom.yml").plan())
    assert {host: sorted(peers) for host, peers in found.items()} == {
        "backup": ["north", "south"],
        "db": ["north", "south", "web"],
        "north": ["backup", "db", "web"],
        "south": ["backup", "db", "web"],
        "web": ["db", "north", "south"],
    }
    assert found["db"]["north"] == (None, 0, ["10.11.0.1/32", "192.168.1.0/24"])


def test_a_link_that_is_listed_twice_is_one() -> None:
    inventory = example("custom.yml")
    inventory.networks["company"]["links"] += [{"from": "db", "to": "north"}, {"from": "all", "to": "backup"}]
    found = tunnels(inventory.plan())
    assert sorted(found["db"]) == ["backup", "north", "south", "web"]
    assert sorted(found["backup"]) == ["db", "north", "south", "web"]


def test_a_host_of_two_networks_has_an_interface_in_each() -> None:
    plans = example("several_networks.yml").plans()
    servers, admins = (
        {**of, **of["options"]} for of in (plans[name].hosts["bastion"] for name in ("servers", "admins"))
    )
    shown = ("network", "interface", "listen_port", "addresses", "mtu", "forwarding")
    assert [servers.get(option) for option in shown] == ["servers", "wg0", None, ["10.8.0.3/24"], 1400, {}]
    assert [admins.get(option) for option in shown] == [
        "admins",
        "wg1",
        51821,
        ["10.9.0.1/24", "fd00:9::1/64"],
        1280,
        {"ipv4": True, "ipv6": True},
    ]
    assert tunnels(plans["admins"])["ada"]["bastion"][0] == "bastion.example.org:51821"


def test_a_host_of_two_networks_can_be_the_way_from_one_to_the_other() -> None:
    inventory = example("several_networks.yml")
    overrides = inventory.hosts["bastion"]["wireguard_overrides"]
    overrides["admins"]["subnets"] = ["10.8.0.0/24"]
    overrides["servers"] = {"subnets": ["10.9.0.0/24"]}
    plans = inventory.plans()
    assert tunnels(plans["admins"])["ada"]["bastion"][2] == ["10.8.0.0/24", "10.9.0.0/24", "fd00:9::/64"]
    assert tunnels(plans["servers"])["core"]["bastion"][2] == ["10.8.0.3/32", "10.9.0.0/24"]
    assert tunnels(plans["servers"])["web"]["core"][2] == ["10.8.0.0/24", "10.9.0.0/24"]
    assert tunnels(plans["servers"])["bastion"]["core"][2] == ["10.8.0.0/24"]
    assert plans["servers"].hosts["bastion"]["forwarding"] == {"ipv4": True}


def test_an_override_gives_other_values_and_one_that_is_not_given_is_none() -> None:
    inventory = example("several_networks.yml")
    bastion = inventory.hosts["bastion"]
    bastion["wireguard_overrides"]["servers"] = {"mtu": None, "addresses": ["10.8.0.9/32"]}
    bastion["wireguard_overrides"]["admins"]["mtu"] = 1300
    bastion["wireguard_mtu"] = 1400
    plans = inventory.plans()
    assert [plans[network].hosts["bastion"]["options"]["mtu"] for network in ("servers", "admins")] == [1400, 1300]
    assert plans["servers"].hosts["bastion"]["options"]["addresses"] == ["10.8.0.9/32"]
    assert plans["admins"].hosts["bastion"]["options"]["addresses"] == ["10.9.0.1/24", "fd00:9::1/64"]


def test_clients_have_a_tunnel_to_their_hub() -> None:
    plan = example("clients.yml").plan()
    assert plan.clients["phone"] == {
        "public_key": "HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw=",
        "interface": "wg0",
        "addresses": ["10.8.0.200/24", "fd00:8::c8/64"],
        "dns": ["10.8.0.1"],
        "peers": [
            {
                "name": "hub1",
                "public_key": key_of("hub1"),
                "endpoint": "203.0.113.1:51820",
                "allowed_ips": ["0.0.0.0/0", "::/0"],
                "persistent_keepalive": 25,
            }
        ],
        "expired": False,
    }
    assert plan.clients["tablet"]["mtu"] == 1280
    assert plan.clients["visitor"]["valid_until"] == "2026-12-31"
    assert tunnels(plan)["hub1"]["phone"] == (None, 0, ["10.8.0.200/32", "fd00:8::c8/128"])
    assert set(plan.hosts) == {"hub1", "server"}


@pytest.mark.parametrize(("day", "expired"), [(datetime.date(2026, 12, 31), False), (datetime.date(2027, 1, 1), True)])
def test_a_client_past_its_date_is_nobodys_peer(day: datetime.date, expired: bool) -> None:
    plan = example("clients.yml").plan(today=day)
    assert plan.clients["visitor"]["expired"] == expired
    assert ("visitor" in tunnels(plan)["hub1"]) == (not expired)
    assert bool(plan.clients["visitor"]["peers"]) == (not expired)
    assert [text for text in plan.warnings if "visitor (valid until 2026-12-31)" in text] == list(plan.warnings)
    assert len(plan.warnings) == expired
    assert plan.hosts["hub1"]["options"]["peers_mode"] == "exact"


def test_a_client_without_a_key_is_waited_for_as_a_host_is() -> None:
    inventory = example("clients.yml")
    del inventory.networks["home"]["clients"]["visitor"]["public_key"]
    assert inventory.plan().clients["visitor"]["public_key"] == key_of("visitor")
    plan = inventory.plan(without=["visitor"])
    assert plan.clients["visitor"]["public_key"] is None
    assert plan.unknown_keys == ("visitor",)
    assert plan.hosts["hub1"]["options"]["peers_mode"] == "merge"
    inventory.networks["home"]["clients"]["visitor"]["valid_until"] = datetime.date(2020, 1, 1)
    assert inventory.plan(without=["visitor"]).unknown_keys == ()


def test_a_client_of_a_hub_without_a_key_has_no_peer_yet() -> None:
    inventory = example("clients.yml")
    phone = inventory.plan(without=["hub1"]).clients["phone"]
    assert phone == {**inventory.plan().clients["phone"], "peers": []}


def test_a_device_may_have_another_name_when_the_old_one_is_past_its_date() -> None:
    inventory = example("clients.yml")
    clients = inventory.networks["home"]["clients"]
    clients["guest"] = {"public_key": clients["visitor"]["public_key"], "addresses": ["10.8.0.203"]}
    plan = inventory.plan(today=datetime.date(2027, 1, 1))
    assert [peer["name"] for peer in plan.hosts["hub1"]["options"]["peers"]] == ["guest", "phone", "server", "tablet"]


def test_a_hub_with_clients_needs_no_spokes_and_a_client_no_options() -> None:
    inventory = example("clients.yml")
    del inventory.groups["wg_spoke"], inventory.groups["all"]
    inventory.networks["home"]["clients"] = {"phone": None}
    plan = inventory.plan()
    assert list(tunnels(plan)) == ["hub1", "phone"]
    assert plan.clients["phone"]["addresses"] == []


def full(**variables: Any) -> Inventory:
    """A network of which ada sends everything through the hub, whose address is known."""
    inventory = Inventory()
    inventory.networks["home"]["prefixes"] = ["10.8.0.0/24"]
    inventory.hosts["hub"] = {"wireguard_addresses": ["10.8.0.1"], "wireguard_endpoint": "128.0.0.1"}
    inventory.hosts["ada"] = {"wireguard_addresses": ["10.8.0.2"], "wireguard_tunnel": "full"}
    inventory.hosts["ada"].update({f"wireguard_{name}": value for name, value in variables.items()})
    return inventory


def ada_sends(inventory: Inventory) -> list[str]:
    return tunnels(inventory.plan())["ada"]["hub"][2]


def test_a_full_tunnel_with_a_hole_is_the_difference_without_the_hubs_own_address() -> None:
    sent = ada_sends(full(excluded_subnets=["128.0.0.0/2"], table="off"))
    assert sent == ["0.0.0.0/1", "192.0.0.0/2"]
    # bob's subnet 192.168.7.0/24 is within; here the hub's own address is not within the hole.
    sent = ada_sends(full(excluded_subnets=["192.0.0.0/2"]))
    assert sent[0] == "0.0.0.0/1"
    assert "128.0.0.0/32" in sent
    assert "128.0.0.2/31" in sent
    assert "128.0.0.1/32" not in sent
    assert sent[-1] == "192.168.7.0/24"
    assert len(sent) == 1 + 30 + 1


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"tunnel": "split", "routes": ["172.16.0.0/12"]}, ["10.8.0.0/24", "172.16.0.0/12", "192.168.7.0/24"]),
        ({"tunnel": "split", "routes": ["192.168.6.0/24"]}, ["10.8.0.0/24", "192.168.6.0/23"]),
        ({"tunnel": "split", "routes": ["fd00:1::/64"]}, ["10.8.0.0/24", "192.168.7.0/24", "fd00:1::/64"]),
        ({"tunnel": "split", "excluded_subnets": ["192.168.7.0/24"]}, ["10.8.0.0/24"]),
        ({"tunnel": "split", "excluded_subnets": ["192.168.7.0/25"]}, ["10.8.0.0/24", "192.168.7.128/25"]),
        ({"tunnel": "split", "excluded_subnets": ["192.168.0.0/16"]}, ["10.8.0.0/24", "192.168.7.0/24"]),
        (
            {"tunnel": "split", "routes": ["172.16.0.0/15"], "subnets": ["172.17.0.0/16"]},
            ["10.8.0.0/24", "172.16.0.0/16", "192.168.7.0/24"],
        ),
        ({"routes": ["172.16.0.0/12"]}, ["0.0.0.0/0"]),
        ({"routes": ["fd00:1::/64"]}, ["0.0.0.0/0", "fd00:1::/64"]),
    ],
)
def test_what_a_spoke_sends_to_its_hub(variables: dict[str, Any], expected: list[str]) -> None:
    assert ada_sends(full(**variables)) == expected


def test_a_full_tunnel_with_a_hole_leaves_out_what_is_behind_the_spoke_itself() -> None:
    sent = ada_sends(full(excluded_subnets=["128.0.0.0/1"], subnets=["64.0.0.0/2"], table="off"))
    assert sent == ["0.0.0.0/2", "192.168.7.0/24"]


def test_a_hub_forwards_what_its_spokes_send_through_it() -> None:
    inventory = full(tunnel="split", routes=["fd00:1::/64"])
    assert inventory.plan().hosts["hub"]["forwarding"] == {"ipv4": True, "ipv6": True}


def test_a_node_can_keep_what_is_near_out_of_its_tunnels() -> None:
    inventory = example("site_to_site.yml")
    inventory.hosts["gw_berlin"]["wireguard_excluded_subnets"] = ["192.168.31.0/24"]
    found = tunnels(inventory.plan())
    assert found["gw_berlin"]["gw_rome"][2] == ["10.10.0.3/32", "192.168.30.0/24"]
    assert found["gw_paris"]["gw_rome"][2] == ["10.10.0.3/32", "192.168.30.0/24", "192.168.31.0/24"]


def test_a_port_of_the_network_is_the_default_of_who_can_be_called() -> None:
    inventory = Inventory()
    inventory.networks["home"]["port"] = 4500
    inventory.hosts["bob"].update(wireguard_endpoint="bob.example.org", wireguard_listen_port=4501)
    plan = inventory.plan()
    assert [options_of(plan)[host].get("listen_port") for host in ("hub", "ada", "bob")] == [4500, None, 4501]
    assert tunnels(plan)["ada"]["hub"][0] == "vpn.example.org:4500"
    assert tunnels(plan)["hub"]["bob"][0] == "bob.example.org:4501"


def test_equal_peers_are_one_and_the_same() -> None:
    hosts = Inventory().plan().hosts
    assert hosts["ada"]["options"]["peers"][0] is hosts["cid"]["options"]["peers"][0]
    assert hosts["ada"]["options"]["peers"][0] is not hosts["bob"]["options"]["peers"][0]
