# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host says of single peers itself, and what else networks need that were not set up by this collection."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.errors import FleetError
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import Inventory


def peer(inventory: Inventory, host: str, name: str) -> dict[str, Any]:
    (found,) = (each for each in inventory.plan().hosts[host]["options"]["peers"] if each["name"] == name)
    return {option: found.get(option) for option in ("allowed_ips", "endpoint", "persistent_keepalive")}


def custom(**options: Any) -> Inventory:
    inventory = Inventory()
    inventory.networks["home"] = {"prefixes": ["10.8.0.0/24"], "topology": "custom", **options}
    inventory.groups = {"all": ["hub", "ada"]}
    inventory.hosts = {
        "hub": {"wireguard_addresses": ["10.8.0.1"], "wireguard_endpoint": "vpn.example.org"},
        "ada": {"wireguard_addresses": ["10.8.0.2"]},
    }
    return inventory


def test_what_a_host_says_goes_before_the_topology_and_concerns_nobody_else() -> None:
    inventory = Inventory()
    before = inventory.plan().hosts
    said = {"allowed_ips": ["10.8.0.1/32"], "endpoint": "192.0.2.1:7", "persistent_keepalive": 0}
    inventory.hosts["ada"]["wireguard_peers"] = {"hub": said}
    assert peer(inventory, "ada", "hub") == said
    after = inventory.plan().hosts
    assert {name: plan for name, plan in after.items() if name != "ada"} == {
        name: plan for name, plan in before.items() if name != "ada"
    }


def test_an_endpoint_that_is_off_is_none_and_what_is_not_said_is_as_ever() -> None:
    inventory = Inventory()
    before = peer(inventory, "ada", "hub")
    for off in (False, "off"):
        inventory.hosts["ada"]["wireguard_peers"] = {"hub": {"endpoint": off}}
        assert peer(inventory, "ada", "hub") == {**before, "endpoint": None, "persistent_keepalive": 0}
    for not_given in (None, "", f"__omit_place_holder__{'0' * 40}"):
        inventory.hosts["ada"]["wireguard_peers"] = {"hub": {"endpoint": not_given, "allowed_ips": not_given}}
        assert peer(inventory, "ada", "hub") == before
    inventory.hosts["ada"]["wireguard_peers"] = {"hub": {"endpoint": "other.example.org"}}
    assert peer(inventory, "ada", "hub") == {**before, "endpoint": "other.example.org:51820"}
    inventory.hosts["ada"]["wireguard_peers"] = {"hub": {"allowed_ips": []}}
    assert peer(inventory, "ada", "hub") == {**before, "allowed_ips": []}


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ({"hup": {}}, "ada: wireguard_peers.hup: not another member of its networks; did you mean hub?"),
        ({"hub": {"allowed": []}}, "ada: wireguard_peers.hub.allowed: unknown option; did you mean allowed_ips?"),
        ({"hub": {"allowed_ips": ["x"]}}, "ada: wireguard_peers.hub.allowed_ips 'x': not an IP address"),
        ({"hub": {"endpoint": "a b"}}, "ada: wireguard_peers.hub.endpoint 'a b': neither an IP address nor"),
        ({"hub": {"persistent_keepalive": -1}}, "ada: wireguard_peers.hub.persistent_keepalive -1: out of range"),
        ("hub", "ada: wireguard_peers: not a dictionary"),
        ({"ada": {}}, "ada: wireguard_peers.ada: not another member of its networks"),
    ],
)
def test_what_cannot_be_said(said: object, problem: str) -> None:
    inventory = Inventory()
    inventory.hosts["ada"]["wireguard_peers"] = said
    with pytest.raises(FleetError) as caught:
        inventory.plan()
    assert str(caught.value).startswith(problem)


def test_a_prefix_stays_with_one_peer() -> None:
    inventory = Inventory()
    inventory.hosts["hub"]["wireguard_peers"] = {"ada": {"allowed_ips": ["10.8.0.3/32"]}}
    with pytest.raises(
        FleetError, match=r"hub: wireguard_peers '10\.8\.0\.3/32': ada and bob both have this prefix on this host"
    ):
        inventory.plan()


def test_what_a_host_says_itself_is_no_loop() -> None:
    inventory = Inventory()
    inventory.hosts["hub"]["wireguard_endpoint"] = "198.51.100.1"
    inventory.hosts["ada"].update(wireguard_routes=["198.51.100.0/24"])
    with pytest.raises(FleetError, match="routing loop: it is in"):
        inventory.plan()
    inventory.hosts["ada"]["wireguard_peers"] = {"hub": {"allowed_ips": ["198.51.100.0/24"]}}
    assert peer(inventory, "ada", "hub")["allowed_ips"] == ["198.51.100.0/24"]


def test_a_host_can_call_its_interface_otherwise() -> None:
    inventory = Inventory()
    inventory.hosts["ada"].update(wireguard_interface="tun7", wireguard_keep_routes=True)
    hosts = inventory.plan().hosts
    assert (hosts["ada"]["options"]["interface"], hosts["hub"]["options"]["interface"]) == ("tun7", "wg0")
    assert hosts["ada"]["options"]["keep_routes"] is True
    assert "keep_routes" not in hosts["hub"]


def test_two_interfaces_of_a_host_need_two_names() -> None:
    inventory = Inventory()
    inventory.networks["lab"] = {"topology": "mesh", "prefixes": ["10.9.0.0/24"], "members": ["hub", "ada"], "port": 7}
    inventory.networks["lab"]["interface"] = "wg1"
    inventory.groups["all"] = ["hub", "ada", "bob", "cid"]
    inventory.hosts["ada"]["wireguard_overrides"] = {"lab": {"addresses": ["10.9.0.2"]}}
    inventory.hosts["hub"]["wireguard_overrides"] = {"lab": {"addresses": ["10.9.0.1"], "endpoint": "lab.example.org"}}
    assert set(inventory.plans()) == {"home", "lab"}
    inventory.hosts["ada"]["wireguard_overrides"]["lab"]["interface"] = "wg0"
    with pytest.raises(FleetError, match=r"ada: wireguard_networks\.lab\.interface 'wg0': home has the same interface"):
        inventory.plans()


def test_a_list_names_groups_and_hosts() -> None:
    inventory = Inventory()
    before = inventory.plan()
    inventory.groups = {"all": ["ada", "bob", "cid", "hub"], "some": ["ada", "cid"]}
    inventory.networks["home"].update(hubs=["hub"], spokes=["some", "bob"])
    assert inventory.plan() == before
    inventory.networks["home"]["spokes"] = ["some", "bop"]
    with pytest.raises(
        FleetError, match=r"wireguard_networks\.home\.spokes\[1\] 'bop': neither a group with hosts nor"
    ):
        inventory.plan()


def test_a_client_of_custom_links_has_one_to_its_host() -> None:
    inventory = custom(
        links=[{"from": "ada", "to": "hub"}], clients={"phone": {"hub": "ada", "addresses": ["10.8.0.9"]}}
    )
    plan = inventory.plan()
    assert [each["name"] for each in plan.hosts["ada"]["options"]["peers"]] == ["hub", "phone"]
    assert [each["name"] for each in plan.hosts["hub"]["options"]["peers"]] == ["ada"]
    assert plan.clients["phone"]["peers"][0]["allowed_ips"] == ["10.8.0.0/24"]
    assert plan.hosts["ada"]["forwarding"] == {}


def test_a_host_may_have_clients_alone() -> None:
    inventory = custom(clients={"phone": {"hub": "hub", "addresses": ["10.8.0.9"]}})
    inventory.groups["all"].remove("ada")
    assert list(inventory.plan().hosts) == ["hub"]
    assert peer(inventory, "hub", "phone") == {
        "allowed_ips": ["10.8.0.9/32"],
        "endpoint": None,
        "persistent_keepalive": 0,
    }


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (
            {"clients": {"phone": {}}},
            "wireguard_networks.home.clients.phone.hub: not a host of the inventory; name the host that it links to",
        ),
        (
            {"clients": {"phone": {"hub": "hup"}}},
            "wireguard_networks.home.clients.phone.hub 'hup': not a host of the inventory; name the host",
        ),
        ({"clients": {}}, "wireguard_networks.home.links: missing; custom has only the links that are listed"),
    ],
)
def test_a_client_of_custom_links_needs_a_host(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(FleetError) as caught:
        custom(**options).plan()
    assert str(caught.value).startswith(problem)
