# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What packets do is what a slow and simple model says, which shares no code with them but the plan."""

from __future__ import annotations

import ipaddress
import itertools
import socket
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._access.machines import Planned
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.policy import ICMP, TCP, UDP, Side
from ansible_collections.cryptokey.wireguard.tests.unit.access.strategies import policies
from ansible_collections.cryptokey.wireguard.tests.unit.access.worlds import World
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.strategies import inventories

Address = Any  # of either family
PROBES = ((TCP, 80), (TCP, 443), (UDP, 53), (ICMP, 0))
PUBLIC = "203.0.113.250", "2001:db8:ffff::9"


class Simple:
    """One network."""

    def __init__(self, planned: Planned) -> None:
        network, self.plan = planned
        self.policy = network.policy
        self.members = {member.name: member for member in network.members}
        self.own = {name: [_ip(each) for each in member.addresses] for name, member in self.members.items()}
        self.lans = {name: [_net(each) for each in member.subnets] for name, member in self.members.items()}
        self.inside = [*map(_net, network.prefixes), *itertools.chain(*self.lans.values())]
        hubs = [hub.name for hub in network.hubs]
        leaves = (*network.spokes, *network.clients)
        self.exits = {leaf.hub or hubs[0] for leaf in leaves if leaf.tunnel == "full"}

    def entry(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.plan.clients.get(name) or self.plan.hosts[name]["options"]
        return found

    def longest(self, name: str, address: Address) -> tuple[int, str]:
        """The length of the longest allowed IPs with the address, and their peer."""
        found = [
            (net.prefixlen, peer["name"])
            for peer in self.entry(name)["peers"]
            for net in map(ipaddress.ip_network, peer["allowed_ips"])
            if address.version == net.version and address in net
        ]
        return max(found, default=(-1, ""))

    def reaches(self, name: str, src: Address, dst: Address, protocol: int, port: int) -> bool:
        end = self.walk(name, src, dst, (src, dst, protocol, port), True)
        return end is not None and self.walk(end, dst, src, (src, dst, protocol, port), False) == name

    def walk(self, at: str, src: Address, dst: Address, packet: Any, is_first: bool) -> str | None:
        came = ""
        for _hop in range(20):
            if dst in self.own[at]:
                return at if not came or self.granted(at, packet) else None
            length, peer = self.longest(at, dst)
            lan = max((net.prefixlen for net in self.lans[at] if dst.version == net.version and dst in net), default=-1)
            # The network on the interface itself leads into it, where a peer may have a shorter prefix.
            connected = any(dst in ipaddress.ip_network(text, strict=False) for text in self.entry(at)["addresses"])
            is_passing = bool(came) or src not in self.own[at]
            to_lan = lan >= 0 and lan >= length and not connected
            in_tunnel = bool(came) or (not to_lan and (peer or connected))
            if is_passing:
                forwarding = self.plan.hosts[at]["forwarding"] if at in self.plan.hosts else {}
                if f"ipv{dst.version}" not in forwarding or (in_tunnel and not self.granted(at, packet)):
                    return None
            if to_lan:
                return at
            if not peer:
                away = is_passing and is_first and not connected
                return at if away and self.is_answered(at, src, dst) else None
            if self.longest(peer, src)[1] != at:
                return None
            came, at = at, peer
        return None

    def is_answered(self, at: str, src: Address, dst: Address) -> bool:
        """Of what leaves all networks at a host."""
        if src.version == 6 and src not in ipaddress.ip_network("fc00::/7"):
            return True
        comes_from_inside = any(src.version == net.version and src in net for net in self.inside)
        stays = any(dst.version == net.version and dst in net for net in self.inside)
        behind = any(src.version == net.version and src in net for net in self.lans[at])
        return at in self.exits and comes_from_inside and not stays and not behind

    def granted(self, at: str, packet: tuple[Address, Address, int, int]) -> bool:
        if self.policy is None or at in self.plan.clients:
            return True
        src, dst, protocol, port = packet
        return any(
            self.has(grant.src, src, True)
            and self.has(grant.dst, dst, False)
            and any(
                service.protocol is None or (service.protocol == protocol and service.first <= port <= service.last)
                for service in grant.services
            )
            for grant in self.policy.grants
        )

    def has(self, side: Side, address: Address, is_source: bool) -> bool:
        is_inside = any(address.version == net.version and address in net for net in self.inside)
        return (
            any(address in self.own[name] for name in side.members)
            or any(address.version == net.version and address in net for net in map(_net, side.prefixes))
            or (side.internet and not is_inside and str(address) in PUBLIC)
            or (side.everything and (is_inside or not is_source))
        )


def _ip(address: Any) -> Address:
    return ipaddress.ip_address(socket.inet_ntop(address.family, address.packed))


def _net(prefix: Any) -> Any:
    return ipaddress.ip_network(str(prefix))


@settings(max_examples=50)
@given(st.data())
def test_packets_do_what_a_simple_model_says(data: st.DataObject) -> None:
    inventory = data.draw(inventories())
    rules = data.draw(policies(inventory))
    world = World(inventory, {"home": rules} if rules else {})
    simple = Simple(world.planned[0])
    behind = {name: [net[2] for net in nets] for name, nets in simple.lans.items()}
    places = [(name, address) for name in simple.own for address in (*simple.own[name], *behind[name])]
    targets = [
        *(address for _name, address in places),
        *map(ipaddress.ip_address, (*PUBLIC, "172.16.9.9", "10.8.0.251")),
    ]
    for (name, src), dst in itertools.product(places, targets):
        if src.version != dst.version:
            continue
        for protocol, port in PROBES:
            expected = simple.reaches(name, src, dst, protocol, port)
            answer = world.ask(name, str(src), str(dst), port, protocol)
            assert answer.reached == expected, (name, str(src), str(dst), protocol, port, answer.outcome)
