# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What reaches what, in each topology, with and without policies."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._access.reach import (
    DENIED,
    INTERNET,
    LAN,
    MASQUERADED,
    NO_ANSWER,
    NO_GRANT,
    NO_PATH,
    NO_PEER,
    NOT_FORWARDED,
    NOT_MASQUERADED,
    OUTSIDE,
    REACHED,
    ROUTED,
    SOURCE,
    UNKNOWN_HERE,
)
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.policy import (
    ICMP,
    ICMPV6,
    UDP,
    Service,
)
from ansible_collections.cryptokey.wireguard.tests.unit.access.worlds import World, policy, port
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import Inventory

WEB = "203.0.113.9"


def several_hubs() -> Inventory:
    """Two hubs: ada and the phone at one, bob with a subnet and cid with a full tunnel at the other."""
    inventory = Inventory()
    inventory.groups["wg_hub"] = ["hub", "two"]
    inventory.hosts["two"] = {"wireguard_addresses": ["10.8.0.9", "fd00:8::9"], "wireguard_endpoint": "203.0.113.2"}
    inventory.hosts["ada"]["wireguard_hub"] = "hub"
    inventory.hosts["bob"]["wireguard_hub"] = "two"
    inventory.hosts["cid"] |= {"wireguard_hub": "two", "wireguard_tunnel": "full"}
    inventory.networks["home"]["clients"] = {"phone": {"addresses": ["10.8.0.20", "fd00:8::20"], "hub": "hub"}}
    return inventory


@pytest.mark.parametrize(
    ("name", "src", "dst", "outcome"),
    [
        ("ada", "10.8.0.2", "10.8.0.1", REACHED),  # its hub
        ("ada", "fd00:8::2", "fd00:8::9", REACHED),  # the other hub
        ("ada", "10.8.0.2", "10.8.0.3", REACHED),  # a spoke at the other hub
        ("ada", "10.8.0.2", "192.168.7.5", REACHED),  # the subnet behind it
        ("bob", "192.168.7.5", "10.8.0.2", REACHED),  # and from there
        ("phone", "10.8.0.20", "192.168.7.5", REACHED),
        ("bob", "192.168.7.5", "10.8.0.20", REACHED),
        ("ada", "10.8.0.2", "10.8.0.77", NO_PATH),  # an address that no member has
        ("ada", "fd00:8::2", "fd00:8::77", NO_PATH),
        ("ada", "10.8.0.2", WEB, OUTSIDE),  # a split tunnel
        ("cid", "10.8.0.4", WEB, REACHED),  # a full one
        ("two", "10.8.0.9", WEB, OUTSIDE),  # a hub by its own route
        ("ada", "10.8.0.99", "10.8.0.1", NO_PATH),  # a source that is not its own, as if it forwarded that
        ("ada", "10.8.0.2", "10.8.0.2", REACHED),  # itself
    ],
)
def test_hub_and_spoke(name: str, src: str, dst: str, outcome: str) -> None:
    assert World(several_hubs()).outcome(name, src, dst) == outcome


def test_the_steps_through_two_hubs_have_the_allowed_ips() -> None:
    answer = World(several_hubs()).ask("ada", "10.8.0.2", "192.168.7.5")
    sent = [(step.machine.name, step.peer, str(step.prefix)) for step in answer.there if step.what == "sent"]
    assert sent == [
        ("ada", "hub", "192.168.7.0/24"),
        ("hub", "two", "192.168.7.0/24"),
        ("two", "bob", "192.168.7.0/24"),
    ]
    assert (answer.there[-1].what, answer.there[-1].machine.name) == (LAN, "bob")
    assert [step.machine.name for step in answer.back if step.what == "sent"] == ["bob", "two", "hub"]


def mesh() -> Inventory:
    """Five nodes, of which dan and eve have no endpoint; gus has a subnet."""
    inventory = Inventory()
    inventory.networks["home"]["topology"] = "mesh"
    inventory.groups = {"wg_member": ["fay", "gus", "dan", "eve"]}
    inventory.hosts = {
        "fay": {"wireguard_addresses": ["10.8.0.1", "fd00:8::1"], "wireguard_endpoint": "198.51.100.1"},
        "gus": {
            "wireguard_addresses": ["10.8.0.2"],
            "wireguard_endpoint": "198.51.100.2",
            "wireguard_subnets": ["192.168.7.0/24", "fd00:7::/64"],
        },
        "dan": {"wireguard_addresses": ["10.8.0.3"]},
        "eve": {"wireguard_addresses": ["10.8.0.4"]},
    }
    return inventory


@pytest.mark.parametrize(
    ("name", "src", "dst", "outcome"),
    [
        ("fay", "10.8.0.1", "10.8.0.2", REACHED),
        ("dan", "10.8.0.3", "192.168.7.1", REACHED),
        ("gus", "192.168.7.1", "10.8.0.3", REACHED),
        ("dan", "10.8.0.3", "10.8.0.4", NO_PATH),  # neither has an endpoint for the other
        ("fay", "fd00:8::1", "fd00:7::1", REACHED),
        ("fay", "10.8.0.1", WEB, OUTSIDE),
    ],
)
def test_mesh(name: str, src: str, dst: str, outcome: str) -> None:
    assert World(mesh()).outcome(name, src, dst) == outcome


def test_a_pair_without_a_tunnel_ends_at_the_connected_route() -> None:
    answer = World(mesh()).ask("dan", "10.8.0.3", "10.8.0.4")
    assert (answer.last.what, answer.last.machine.name) == (NO_PEER, "dan")


def custom() -> Inventory:
    """fay - gus - dan in a row, and a phone at fay."""
    inventory = mesh()
    inventory.networks["home"] |= {
        "topology": "custom",
        "links": [{"from": "fay", "to": "gus"}, {"from": "gus", "to": "dan"}],
        "clients": {"phone": {"addresses": ["10.8.0.20"], "hub": "fay"}},
    }
    del inventory.groups["wg_member"]
    del inventory.hosts["eve"]
    inventory.groups["all"] = ["fay", "gus", "dan"]
    return inventory


@pytest.mark.parametrize(
    ("name", "src", "dst", "outcome", "why"),
    [
        ("fay", "10.8.0.1", "10.8.0.2", REACHED, "input"),
        ("fay", "10.8.0.1", "192.168.7.9", REACHED, LAN),
        ("fay", "10.8.0.1", "10.8.0.3", NO_PATH, NO_PEER),  # no link
        ("phone", "10.8.0.20", "10.8.0.1", REACHED, "input"),
        ("phone", "10.8.0.20", "10.8.0.2", NO_PATH, NOT_FORWARDED),  # fay forwards nothing
        ("dan", "10.8.0.3", "192.168.7.9", REACHED, LAN),
    ],
)
def test_custom(name: str, src: str, dst: str, outcome: str, why: str) -> None:
    answer = World(custom()).ask(name, src, dst)
    assert answer.outcome == outcome
    assert (answer.there if answer.reached else [answer.last])[-1].what == why


def test_a_peer_accepts_no_source_that_it_does_not_send_to_the_sender() -> None:
    """gus forwards for its subnet, so also for dan, by what fay and dan set themselves; fay accepts dan from gus."""
    inventory = custom()
    inventory.hosts["dan"]["wireguard_peers"] = {"gus": {"allowed_ips": ["10.8.0.0/24"]}}
    answer = World(inventory).ask("dan", "10.8.0.3", "10.8.0.1")
    assert (answer.outcome, answer.last.what, answer.last.machine.name) == (NO_PATH, SOURCE, "fay")
    inventory.hosts["fay"]["wireguard_peers"] = {"gus": {"allowed_ips": ["10.8.0.2", "10.8.0.3"]}}
    assert World(inventory).outcome("dan", "10.8.0.3", "10.8.0.1") == REACHED


def test_a_full_tunnel_leaves_where_it_is_masqueraded() -> None:
    inventory = several_hubs()
    answer = World(inventory).ask("cid", "10.8.0.4", WEB)
    assert [step.what for step in answer.there] == ["sent", MASQUERADED, INTERNET]
    nothing = World(inventory, masquerades=lambda network, host: ()).ask("cid", "10.8.0.4", WEB)
    assert (nothing.outcome, nothing.last.what, nothing.last.machine.name) == (NO_ANSWER, NOT_MASQUERADED, "two")


@pytest.mark.parametrize(
    ("prefix", "masquerade", "step"),
    [
        ("fd00:8::", ("internet",), MASQUERADED),
        ("2001:db8:8::", ("internet",), ROUTED),
        ("2001:db8:8::", ("internet", "global_ipv6"), MASQUERADED),
    ],
)
def test_ipv6_is_masqueraded_if_it_is_unique_local(prefix: str, masquerade: tuple[str, ...], step: str) -> None:
    inventory = Inventory()
    inventory.networks["home"]["prefixes"] = [f"{prefix}/64"]
    for number, variables in enumerate(inventory.hosts.values(), 1):
        variables["wireguard_addresses"] = [f"{prefix}{number}"]
    inventory.hosts["ada"]["wireguard_tunnel"] = "full"
    answer = World(inventory, masquerades=lambda network, host: masquerade).ask("ada", f"{prefix}2", "2001:db8:ffff::1")
    assert answer.reached
    assert answer.there[-2].what == step


def test_what_is_excluded_from_a_full_tunnel_stays_outside() -> None:
    inventory = several_hubs()
    inventory.hosts["cid"]["wireguard_excluded_subnets"] = ["203.0.113.0/24"]
    world = World(inventory)
    assert world.outcome("cid", "10.8.0.4", WEB) == OUTSIDE
    assert world.outcome("cid", "10.8.0.4", "198.51.100.7") == REACHED


def test_subnets_are_masqueraded_on_request() -> None:
    inventory = several_hubs()

    def only_bob(_network: Any, host: Any) -> tuple[str, ...]:
        return ("subnets",) if host.name == "bob" else ()

    world = World(inventory, masquerades=only_bob)
    answer = world.ask("ada", "10.8.0.2", "192.168.7.5")
    assert [step.what for step in answer.there if step.machine.name == "bob"] == [MASQUERADED, LAN]
    assert MASQUERADED not in [step.what for step in answer.back]


def test_routes_lead_to_the_hub_and_on_from_there() -> None:
    inventory = several_hubs()
    inventory.hosts["ada"]["wireguard_routes"] = ["172.16.0.0/12"]
    assert World(inventory).outcome("ada", "10.8.0.2", "172.16.1.1") == NO_ANSWER
    everywhere = World(inventory, masquerades=lambda network, host: ("internet",))
    assert everywhere.outcome("ada", "10.8.0.2", "172.16.1.1") == REACHED


GRANTS = policy(
    (["ada"], ["bob"], port(443)),
    (["ada"], ["192.168.7.0/24"], Service(UDP, 53, 53)),
    (["cid"], ["internet"], port(443)),
    (["phone"], ["*"], Service(ICMP)),
    (["192.168.7.0/25"], ["hub"], port(22)),
    (["*"], ["two"], port(8080)),
)


@pytest.mark.parametrize(
    ("name", "src", "dst", "number", "protocol", "outcome"),
    [
        ("ada", "10.8.0.2", "10.8.0.3", 443, 6, REACHED),
        ("ada", "10.8.0.2", "10.8.0.3", 443, UDP, DENIED),
        ("ada", "10.8.0.2", "10.8.0.3", 80, 6, DENIED),
        ("cid", "10.8.0.4", "10.8.0.3", 443, 6, DENIED),
        ("ada", "10.8.0.2", "192.168.7.1", 53, UDP, REACHED),
        ("bob", "192.168.7.1", "10.8.0.2", 53, UDP, DENIED),  # no grant the other way round
        ("cid", "10.8.0.4", WEB, 443, 6, REACHED),
        ("cid", "10.8.0.4", WEB, 80, 6, DENIED),
        ("cid", "10.8.0.4", "10.8.0.2", 443, 6, DENIED),  # not the Internet
        ("cid", "10.8.0.4", "203.0.113.2", 443, 6, DENIED),  # the hub itself
        ("cid", "10.8.0.4", "192.168.99.1", 443, 6, DENIED),  # outside the networks, and not public
        ("phone", "10.8.0.20", "10.8.0.2", 0, ICMP, REACHED),
        ("phone", "fd00:8::20", "fd00:8::2", 0, ICMP, REACHED),
        ("phone", "fd00:8::20", "fd00:8::2", 0, ICMPV6, REACHED),
        ("phone", "10.8.0.20", "10.8.0.2", 0, ICMPV6, DENIED),
        ("bob", "192.168.7.1", "10.8.0.1", 22, 6, REACHED),
        ("bob", "192.168.7.129", "10.8.0.1", 22, 6, DENIED),
        ("bob", "10.8.0.3", "10.8.0.1", 22, 6, DENIED),  # not from the subnet
        ("bob", "192.168.7.129", "10.8.0.9", 8080, 6, REACHED),
        ("phone", "fd00:8::20", "fd00:8::9", 8080, 6, REACHED),
        ("hub", "10.8.0.1", "10.8.0.20", 80, 6, DENIED),  # a client enforces nothing, but the hub takes no answer
        ("two", "10.8.0.9", "10.8.0.20", 80, 6, DENIED),  # at the hub on the way
    ],
)
def test_grants(name: str, src: str, dst: str, number: int, protocol: int, outcome: str) -> None:
    assert World(several_hubs(), GRANTS).outcome(name, src, dst, number, protocol) == outcome


@pytest.mark.parametrize("protocol", [0, 43, 44, 60, 135, 139, 140, 253, 254])
def test_ipv6_behind_unknown_headers_is_denied_whatever_is_granted(protocol: int) -> None:
    everything = policy((["*"], ["*"]))
    world = World(several_hubs(), everything)
    assert world.outcome("ada", "fd00:8::2", "fd00:8::1", 0, protocol) == DENIED
    assert world.outcome("ada", "10.8.0.2", "10.8.0.1", 0, protocol) == REACHED


def test_the_grant_of_each_enforcing_host_is_named() -> None:
    answer = World(several_hubs(), GRANTS).ask("ada", "10.8.0.2", "10.8.0.3", 443)
    allowed = [(step.machine.name, step.grant.number) for step in answer.there if step.grant]
    assert allowed == [("hub", 0), ("two", 0), ("bob", 0)]


def test_a_policy_without_grants_denies_at_the_first_host() -> None:
    answer = World(several_hubs(), policy()).ask("ada", "10.8.0.2", "10.8.0.3")
    assert (answer.outcome, answer.last.what, answer.last.machine.name) == (DENIED, NO_GRANT, "hub")


def two_networks() -> Inventory:
    """hub is in the network lab too, a mesh with a lab host that has a subnet. Both forward."""
    inventory = several_hubs()
    inventory.networks["lab"] = {
        "topology": "mesh",
        "members": "lab",
        "prefixes": ["10.9.0.0/24"],
        "interface": "wg1",
    }
    inventory.groups["lab"] = ["hub", "rig"]
    inventory.hosts["hub"]["wireguard_overrides"] = {
        "lab": {"addresses": ["10.9.0.1"], "endpoint": "203.0.113.1:51821", "listen_port": 51821},
    }
    inventory.hosts["rig"] = {"wireguard_addresses": ["10.9.0.2"], "wireguard_subnets": ["172.20.0.0/16"]}
    # What the topologies do not do by themselves: ada sends to the lab, and rig accepts and answers that.
    inventory.hosts["ada"]["wireguard_routes"] = ["10.9.0.0/24", "172.20.0.0/16"]
    inventory.hosts["rig"]["wireguard_peers"] = {"hub": {"allowed_ips": ["10.9.0.1", "10.8.0.0/24"]}}
    return inventory


def test_a_packet_between_two_networks_passes_the_rules_of_both() -> None:
    inventory = two_networks()
    grants = policy((["ada"], ["10.9.0.0/24"], port(80)), (["ada"], ["172.20.0.0/16"]))
    lab = policy((["10.8.0.2/32"], ["rig", "172.20.0.0/16"], port(80)))
    assert World(inventory).outcome("ada", "10.8.0.2", "10.9.0.2") == REACHED
    both = World(inventory, {"home": grants, "lab": lab})
    answer = both.ask("ada", "10.8.0.2", "10.9.0.2")
    assert answer.outcome == REACHED
    allowed = [(step.machine.name, step.interface.name) for step in answer.there if step.grant and step.interface]
    assert allowed == [("hub", "wg0"), ("hub", "wg1"), ("rig", "wg1")]
    assert both.outcome("ada", "10.8.0.2", "172.20.0.9", 80) == REACHED
    denied = both.ask("ada", "10.8.0.2", "172.20.0.9", 81)
    assert (denied.outcome, denied.last.interface and denied.last.interface.name) == (DENIED, "wg1")
    one = World(inventory, {"lab": lab})
    assert one.outcome("phone", "10.8.0.20", "10.9.0.2") == OUTSIDE


def test_an_answer_on_another_way_is_unknown_to_the_hosts_there() -> None:
    """rig is in both networks: what comes by the lab is answered by home, through a hub that has not seen it."""
    inventory = two_networks()
    inventory.groups["wg_spoke"].append("rig")
    lab = inventory.hosts["rig"]["wireguard_peers"]
    inventory.hosts["rig"] = {
        "wireguard_addresses": ["10.8.0.30"],
        "wireguard_hub": "two",
        "wireguard_overrides": {"lab": {"addresses": ["10.9.0.2"], "peers": lab}},
    }
    inventory.hosts["two"]["wireguard_peers"] = {"rig": {"allowed_ips": ["10.8.0.30", "10.9.0.2"]}}
    others = ["10.8.0.9", "10.8.0.3", "10.8.0.4", "10.8.0.30", "10.9.0.0/24"]
    inventory.hosts["hub"]["wireguard_overrides"]["home"] = {"peers": {"two": {"allowed_ips": others}}}
    assert World(inventory).outcome("ada", "10.8.0.2", "10.9.0.2") == REACHED
    everything = policy((["*"], ["*"]))
    answer = World(inventory, {"home": everything}).ask("ada", "10.8.0.2", "10.9.0.2")
    assert (answer.outcome, answer.last.what, answer.last.machine.name) == (NO_ANSWER, UNKNOWN_HERE, "two")


def test_a_client_may_send_more_than_its_configuration_says() -> None:
    world = World(several_hubs())
    assert world.outcome("phone", "10.8.0.20", WEB) == OUTSIDE
    assert world.outcome("phone", "10.8.0.20", WEB, any_client=True) == NO_ANSWER
    everywhere = World(several_hubs(), masquerades=lambda network, host: ("internet",))
    assert everywhere.outcome("phone", "10.8.0.20", WEB, any_client=True) == REACHED
    granted = World(several_hubs(), GRANTS, masquerades=lambda network, host: ("internet",))
    assert granted.outcome("phone", "10.8.0.20", WEB, any_client=True) == DENIED


def test_what_two_hubs_send_each_other_is_dropped_by_the_source_that_the_first_one_knows() -> None:
    inventory = several_hubs()
    inventory.hosts["hub"]["wireguard_peers"] = {"two": {"allowed_ips": ["10.8.0.77"]}}
    inventory.hosts["two"]["wireguard_peers"] = {"hub": {"allowed_ips": ["10.8.0.2", "10.8.0.77"]}}
    answer = World(inventory).ask("ada", "10.8.0.2", "10.8.0.77")
    assert [step.machine.name for step in answer.there] == ["ada", "hub", "two", "hub"]
    assert (answer.outcome, answer.last.what) == (NO_PATH, SOURCE)
