# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A network that was found is written down as the inventory that gives every host just what it had."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import sort_prefixes
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.file import WgQuickFile
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.parse import parse
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._adopt.components import find_components
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._adopt.found import FoundInterface, read_found
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._adopt.recognise import (
    Proposal,
    host_variables,
    plan,
    recognise,
)
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.errors import FleetError, Problems
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.prefixes import as_text
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.ping_targets import ping_targets
from ansible_collections.cryptokey.wireguard.tests.unit.adopt.finds import FILE, PEER, component_of, found_of
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import (
    TODAY,
    Inventory,
    example,
    key_of,
    options_of,
)
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.strategies import inventories

OPTIONS = ("interface", "addresses", "listen_port", "mtu", "fwmark")


def essence(plan: Mapping[str, Any]) -> dict[str, Any]:
    """What of a host's plan its interface consists of; what the peers are called is for people."""
    peers = {peer["public_key"]: {k: v for k, v in peer.items() if k != "name"} for peer in plan["peers"]}
    return {**{option: plan.get(option) for option in OPTIONS}, "table": plan.get("table", "auto"), "peers": peers}


def adopted(inventory: Inventory) -> Proposal:
    return recognise(component_of(found_of(inventory)), {}, TODAY)[0]


EXAMPLES = {
    "hub_and_spoke.yml": "hub_and_spoke",
    "two_hosts.yml": "hub_and_spoke",
    "multi_hub.yml": "hub_and_spoke",
    "mesh.yml": "mesh",
    "site_to_site.yml": "site_to_site",
    "custom.yml": "custom",
    "clients.yml": "hub_and_spoke",
    "provider.yml": "custom",
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_are_recognised(name: str) -> None:
    inventory = example(name)
    proposal = adopted(inventory)
    found = options_of(inventory.plan())
    planned = plan(proposal, {}, TODAY)
    assert {host: essence(planned[host]) for host in planned} == {host: essence(found[host]) for host in found}
    assert proposal.topology == EXAMPLES[name]


def test_a_host_of_several_networks_has_the_variables_of_each() -> None:
    inventory = example("several_networks.yml")
    problems = Problems()
    components, _notes = find_components(found_of(inventory), set(inventory.hosts), problems)
    problems.refuse()
    proposals = [recognise(component, {}, TODAY)[0] for component in components]
    assert [(each.component.name, each.options["hubs"], each.exceptions) for each in proposals] == [
        ("wg0", ["core"], 0),
        ("wg1", ["bastion"], 0),
    ]
    assert proposals[1].options["port"] == 51821
    variables = host_variables(proposals)
    assert variables["bastion"] == {
        "wireguard_overrides": {
            "wg0": {"addresses": ["10.8.0.3"], "mtu": 1400},
            "wg1": {"addresses": ["10.9.0.1", "fd00:9::1"], "endpoint": "bastion.example.org", "mtu": 1280},
        }
    }
    assert variables["ada"] == {"wireguard_addresses": ["10.9.0.2", "fd00:9::2"]}


def test_spokes_that_only_reach_the_hub_are_links() -> None:
    inventory = Inventory()
    for spoke in ("ada", "bob", "cid"):
        inventory.hosts[spoke]["wireguard_peers"] = {"hub": {"allowed_ips": ["10.8.0.1/32", "fd00:8::1/128"]}}
    proposal = adopted(inventory)
    assert (proposal.topology, proposal.exceptions) == ("custom", 0)
    assert proposal.options["links"] == [{"from": spoke, "to": "hub"} for spoke in ("ada", "bob", "cid")]


def test_what_one_host_has_otherwise_is_an_exception() -> None:
    inventory = Inventory()
    said = {"hub": {"allowed_ips": ["10.8.0.1/32"], "endpoint": "192.0.2.1:51820", "persistent_keepalive": 7}}
    inventory.hosts["ada"]["wireguard_peers"] = said
    proposal = adopted(inventory)
    assert (proposal.topology, proposal.exceptions) == ("hub_and_spoke", 1)
    del said["hub"]["persistent_keepalive"]
    assert proposal.hosts["ada"] == {"addresses": ["10.8.0.2", "fd00:8::2"], "persistent_keepalive": 7, "peers": said}


def test_subnets_of_the_hub_are_those_that_all_spokes_send_there() -> None:
    inventory = Inventory()
    inventory.hosts["hub"]["wireguard_subnets"] = ["192.168.1.0/24"]
    proposal = adopted(inventory)
    assert proposal.hosts["hub"]["subnets"] == ["192.168.1.0/24"]
    assert proposal.hosts["bob"]["subnets"] == ["192.168.7.0/24"]
    assert proposal.exceptions == 0


def test_interfaces_may_be_called_differently() -> None:
    inventory = Inventory()
    inventory.hosts["ada"]["wireguard_interface"] = "office"
    inventory.networks["home"]["interface"] = "tunnel"
    proposal = adopted(inventory)
    assert proposal.options["interface"] == "tunnel"
    assert proposal.hosts["ada"]["interface"] == "office"
    assert "interface" not in proposal.hosts["bob"]


def test_a_server_that_only_phones_know_needs_to_be_told_its_endpoint() -> None:
    inventory = example("clients.yml")
    component = component_of(found_of(inventory, without=["server"]))
    proposal, notes = recognise(component, {}, TODAY)
    assert proposal.topology == "custom"
    assert len(proposal.options["clients"]) == 4
    assert ["no file has an endpoint of hub1" in note for note in notes] == [True]
    given = {"hub1": {"wireguard_endpoint": "vpn.example.org"}}
    proposal, notes = recognise(component, given, TODAY)
    assert (proposal.topology, proposal.exceptions, notes) == ("hub_and_spoke", 0, [])
    assert "endpoint" not in proposal.hosts["hub1"]


def test_a_host_of_a_foreign_server_has_it_as_a_client() -> None:
    component = component_of(found_of(Inventory(), without=["hub", "bob", "cid"]))
    proposal, _notes = recognise(component, {}, TODAY)
    (name,) = proposal.options["clients"]
    assert proposal.hosts["ada"]["peers"][name]["endpoint"] == "vpn.example.org:51820"
    assert essence(plan(proposal, {}, TODAY)["ada"]) == essence(options_of(Inventory().plan())["ada"])


def found_alone(host: str, text: str) -> list[FoundInterface]:
    """What a host with this file only is found with."""
    problems = Problems()
    described = describe(parse(text))
    found, _notes = read_found(host, [described], [], problems)
    problems.refuse()
    return found


def describe(file: WgQuickFile) -> dict[str, Any]:
    peers = [
        {
            "name": peer.name,
            "public_key": str(peer.public_key),
            "endpoint": str(peer.endpoint) if peer.endpoint else None,
            "allowed_ips": [str(prefix) for prefix in sort_prefixes(peer.allowed_ips)],
        }
        for peer in file.peers
    ]
    return {
        **FILE,
        "public_key": key_of("own"),
        "listen_port": file.listen_port,
        "addresses": [str(address) for address in file.addresses],
        "peers": [{**PEER, **peer} for peer in peers],
    }


PROVIDER = """
[Interface]
PrivateKey = YD0z48BZ9NcyQf/dubGfaso62isHAViGgUPC0sE2G2M=
Address = 10.2.0.2/32, 2a07:b944::2:2/128
DNS = 10.2.0.1, 2a07:b944::2:1

[Peer]
PublicKey = 6o+LJwo7U6JWAFiGQVmj6C2MNP/fOMIS1POazcm0lGE=
AllowedIPs = 0.0.0.0/0, ::/0
Endpoint = exit.example.net:51820
"""
NO_ADDRESS = """
[Interface]
PrivateKey = oE5sFEoHLifc6AbA/MZbf0eDLDfb4zLoRJeXhuUnW1I=
ListenPort = 51820

[Peer]
PublicKey = 6o+LJwo7U6JWAFiGQVmj6C2MNP/fOMIS1POazcm0lGE=
AllowedIPs = 10.70.0.2/32

[Peer]
PublicKey = juQXif1fd4iipv811C3rAurwfJOHJMnxCk/Y4Uh9YXU=
AllowedIPs = 10.70.0.3/32

[Peer]
PublicKey = HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw=
AllowedIPs = 10.70.0.4/32
"""


def test_the_client_of_a_provider_is_written_down_as_it_is() -> None:
    (found,) = found_alone("box", PROVIDER)
    proposal, notes = recognise(component_of([found]), {}, TODAY)
    (key,) = found.peers
    assert notes == []
    assert proposal.options == {
        "prefixes": ["10.2.0.2/32", "2a07:b944::2:2/128"],
        "topology": "custom",
        "clients": {"server_exit": {"public_key": key, "addresses": [], "hub": "box"}},
    }
    said = {"allowed_ips": ["0.0.0.0/0", "::/0"], "endpoint": "exit.example.net:51820"}
    assert proposal.hosts["box"]["peers"] == {"server_exit": said}
    assert essence(plan(proposal, {}, TODAY)["box"]) == {
        "interface": "wg0",
        "addresses": ["10.2.0.2/32", "2a07:b944::2:2/128"],
        **dict.fromkeys(("listen_port", "mtu", "fwmark")),
        "table": "auto",
        "peers": {key: {"public_key": key, **said, "persistent_keepalive": 0}},
    }


@pytest.mark.parametrize("text", [NO_ADDRESS, PROVIDER.replace("Address", "#")])
def test_an_interface_without_an_address_keeps_none(text: str) -> None:
    (found,) = found_alone("srv", text)
    proposal, _notes = recognise(component_of([found]), {}, TODAY)
    assert proposal.hosts["srv"]["addresses"] == []
    planned = plan(proposal, {}, TODAY)["srv"]
    assert planned["addresses"] == []
    assert {peer["public_key"]: peer["allowed_ips"] for peer in planned["peers"]} == {
        key: as_text(peer.allowed_ips) for key, peer in found.peers.items()
    }
    entry = {"options": planned, "network": "wg0"}
    assert ping_targets(entry, {"srv": [entry]}) == []


@pytest.mark.parametrize(
    ("name", "endpoint", "allowed_ips", "called"),
    [
        ("mail-relay_at_home", "", "10.8.0.9/32", "mail-relay_at"),
        ("Joe's Mac mini", "", "10.8.0.9/32", "Joe_s_Mac_mini"),
        ("", "", "10.8.0.9/32", "client_10_8_0_9"),
        ("", "", "10.80.100.9/32", "c_10_80_100_9"),
        ("", "192.0.2.1:1", "0.0.0.0/0", "s_192_0_2_1"),
        ("", "[2001:db8:aaaa::1]:1", "0.0.0.0/0", "server_6o_LJwo7"),
        ("", "de-fra-wg-001.relays.example.net:1", "0.0.0.0/0", "s_de_fra_wg_001"),
        ("", "", "10.8.0.0/24", "client_6o_LJwo7"),
    ],
)
def test_clients_are_called_by_short_names(name: str, endpoint: str, allowed_ips: str, called: str) -> None:
    comment = f"# friendly_name = {name}\n" if name else ""
    peer = "[Peer]\nPublicKey = 6o+LJwo7U6JWAFiGQVmj6C2MNP/fOMIS1POazcm0lGE=\n"
    text = f"[Interface]\nAddress = 10.8.0.1/8\n{peer}{comment}AllowedIPs = {allowed_ips}\n"
    (stranger,) = component_of(found_alone("hub", text + (f"Endpoint = {endpoint}\n" if endpoint else ""))).strangers
    assert stranger.name == called


def test_two_long_names_alike_become_two_short_ones() -> None:
    names = ("mail-relay_at_home", "mail-relay_at_work")
    lines = [f"[Peer]\nPublicKey = {key_of(name)}\n# friendly_name = {name}\n" for name in names]
    component = component_of(found_alone("hub", "[Interface]\nAddress = 10.8.0.1/24\n" + "".join(lines)))
    assert {each.name for each in component.strangers} == {"mail-relay_at", "mail-relay_at-2"}


def test_a_peer_on_one_side_only_is_told_of() -> None:
    found = found_of(Inventory())
    hub = next(each for each in found if each.host == "hub")
    peers = {key: peer for key, peer in hub.peers.items() if key != key_of("ada")}
    found[found.index(hub)] = hub._replace(peers=peers)
    proposal, notes = recognise(component_of(found), {}, TODAY)
    assert proposal.gained == (("hub", "ada"),)
    assert notes == ["Network wg0: ada has hub as a peer, but not the other way round; hub gets the peer"]


def test_a_pair_that_cannot_meet_is_told_of() -> None:
    inventory = example("mesh.yml")
    found = [
        each._replace(peers={key: peer._replace(endpoint=None) for key, peer in each.peers.items()})
        for each in found_of(inventory)
        if each.host in ("web1", "web2")
    ]
    found = [
        each._replace(peers={k: p for k, p in each.peers.items() if k in map(key_of, ("web1", "web2"))})
        for each in found
    ]
    proposal, notes = recognise(component_of(found), {}, TODAY)
    assert proposal.lost == (("web1", "web2"), ("web2", "web1"))
    assert "Network wg0: web1 has web2 as a peer, but neither has an endpoint for the other; it is removed" in notes
    alive = [each._replace(peers={k: p._replace(alive=True) for k, p in each.peers.items()}) for each in found]
    with pytest.raises(FleetError, match=r"web1: .* 'web2': it has a tunnel with this peer, but neither file has"):
        recognise(component_of(alive), {}, TODAY)


def test_all_addresses_may_be_single_ones() -> None:
    inventory = Inventory()
    for host, variables in inventory.hosts.items():
        number = list(inventory.hosts).index(host) + 1
        variables["wireguard_addresses"] = [f"10.8.0.{number}/32"]
    proposal = adopted(inventory)
    assert proposal.options["prefixes"] == ["10.8.0.0/24"]
    assert proposal.hosts["ada"]["addresses"] == ["10.8.0.2/32"]


@st.composite
def odd_inventories(draw: st.DrawFn) -> Inventory:
    """Some of whose hosts have no address, or say something else of a peer than the topology would."""
    inventory = draw(inventories())
    for variables in inventory.hosts.values():
        if draw(st.integers(0, 5)) == 0:
            variables["wireguard_addresses"] = []
    plans = options_of(inventory.plan())
    for host, variables in inventory.hosts.items():
        for peer in plans[host]["peers"]:
            said: dict[str, Any] = {}
            if draw(st.booleans()):
                said["persistent_keepalive"] = draw(st.sampled_from([0, 15, 25]))
            if draw(st.booleans()):
                # Nothing that any other peer has.
                said["allowed_ips"] = [prefix for prefix in peer["allowed_ips"] if draw(st.booleans())]
            if said:
                variables.setdefault("wireguard_peers", {})[peer["name"]] = said
        if draw(st.booleans()):
            variables["wireguard_interface"] = "wg7"
    return inventory


@given(inventories() | odd_inventories())
def test_every_host_gets_the_interface_that_it_had(inventory: Inventory) -> None:
    found = {name: host for name, host in options_of(inventory.plan()).items() if host["peers"]}
    if len(found) < 1:
        return
    try:
        component = component_of([each for each in found_of(inventory) if each.host in found])
    except ValueError:
        return  # several networks
    proposal, _notes = recognise(component, {}, TODAY)
    planned = plan(proposal, {}, TODAY)
    assert not proposal.lost
    assert not proposal.gained
    assert {host: essence(planned[host]) for host in planned} == {host: essence(found[host]) for host in found}
