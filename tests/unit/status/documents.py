# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Status documents of any size, with members in every state. The same arguments give the same document."""

from __future__ import annotations

import base64
import hashlib
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.status_document import (
    DOWN,
    EXPIRED,
    PLANNED,
    SCHEMA,
    UNKNOWN,
    UP,
    MemberStatus,
    NetworkStatus,
    State,
    StatusChange,
    StatusDocument,
    TunnelStatus,
)

GENERATED = 1_796_040_000  # 2026-11-30 12:00 UTC
DAY = 86_400
_SERVICES = ("tcp 443", "tcp 22", "udp 53", "tcp 5432", "icmp")
# Texts that a page must only show.
HOSTILE = (
    "<script>alert(1)</script>",
    "</noscript></script><img src=x onerror=alert(1)>",
    "\"'><b>",
    "{{ 7 * 7 }}{% raw %}",
    "&lt;&amp;#60;",
    "x" * 63,
    "שלום\u202eabc",
    "<!-- --",
    "a  b",
    "ß漢字🐍",
)
_SITES = ("berlin", "oslo", "lyon", "porto", "turin", "krakow", "ghent", "malmo", "basel", "graz")


def key_of(name: str) -> str:
    return base64.b64encode(hashlib.sha256(name.encode(errors="surrogatepass")).digest()).decode()


@dataclass
class World:
    """A document in the making. ``planned``: no host was asked."""

    planned: bool = False
    networks: list[NetworkStatus] = field(default_factory=list)
    members: dict[tuple[str, str], MemberStatus] = field(default_factory=dict)
    tunnels: list[TunnelStatus] = field(default_factory=list)
    chance: random.Random = field(default_factory=lambda: random.Random(18))

    def add_network(self, name: str, topology: str, *prefixes: str) -> None:
        self.networks.append({"name": name, "topology": topology, "prefixes": [*prefixes]})

    def add_member(self, network: str, name: str, kind: Any = "host", state: State = UP, **given: Any) -> None:
        number = len(self.members)
        asked = not self.planned and state not in (UNKNOWN, EXPIRED) and kind != "client"
        member: MemberStatus = {
            "network": network,
            "name": name,
            "kind": kind,
            "state": PLANNED if self.planned and state != EXPIRED else state,
            "interface": "wg0",
            "addresses": [
                f"10.{8 + number // 62500}.{number // 250 % 250}.{number % 250 + 1}/24",
                f"fd00:8::{number:x}",
            ],
            "subnets": [],
            "endpoint": f"{name}.example.org:51820" if kind == "hub" else None,
            "public_key": None if self.planned and kind != "client" else key_of(name),
            "key_since": None if self.planned else GENERATED - (number * 37 % 400 + 1) * DAY,
            "valid_until": None,
            "versions": {"kernel": "6.1.0-28", "wireguard-tools": "1.0.20210914"} if asked else {},
            "drift": [] if asked else None,
            "reaches": None,
            "problem": "",
        }
        member.update(given)  # type: ignore[typeddict-item]
        self.members[network, name] = member

    def link(self, network: str, first: str, second: str) -> None:
        """Both directions, but for clients, which nothing can ask."""
        for host, peer in ((first, second), (second, first)):
            if self.members[network, host]["kind"] != "client" or self.planned:
                self.tunnels.append(self._tunnel(network, host, peer))

    def _tunnel(self, network: str, host: str, peer: str) -> TunnelStatus:
        own, other = self.members[network, host], self.members[network, peer]
        states = {own["state"], other["state"]}
        state: State = next((each for each in (EXPIRED, UNKNOWN, DOWN, PLANNED) if each in states), UP)
        allowed = [f"{address.partition('/')[0]}/{128 if ':' in address else 32}" for address in other["addresses"]]
        running = not self.planned and own["state"] not in (UNKNOWN, EXPIRED) and state != EXPIRED
        age = self.chance.randrange(5, 150) if state == UP else self.chance.randrange(400, 9 * DAY)
        address = other["addresses"][0].partition("/")[0]
        rtt = round(self.chance.uniform(0.6, 60), 1) if state == UP else None
        return {
            "network": network,
            "host": host,
            "peer": peer,
            "state": state,
            "desired": {
                "endpoint": other["endpoint"],
                "allowed_ips": sorted(allowed + other["subnets"]),
                "persistent_keepalive": 25 if other["endpoint"] and not own["endpoint"] else 0,
            },
            "running": {
                "endpoint": other["endpoint"]
                or f"198.51.100.{self.chance.randrange(1, 250)}:{self.chance.randrange(2000, 60000)}",
                "allowed_ips": sorted(allowed + other["subnets"]),
                "persistent_keepalive": 0,
                "latest_handshake": GENERATED - age if state == UP or self.chance.random() < 0.7 else None,
                "transfer_rx": self.chance.randrange(1 << 34),
                "transfer_tx": self.chance.randrange(1 << 36),
            }
            if running
            else None,
            "pings": [{"address": address, "reachable": state == UP, "rtt_ms": rtt}]
            if running and other["kind"] != "client"
            else [],
            "by_handshake": other["kind"] == "client",
            "problem": f"no handshake with {peer} for {age // 3600} h" if state == DOWN and running else "",
        }

    def document(self, changes: list[StatusChange] | None = None) -> StatusDocument:
        return {
            "schema": SCHEMA,
            "generated": GENERATED,
            "source": "plan" if self.planned else "status",
            "collection": "1.0.0",
            "networks": sorted(self.networks, key=lambda network: network["name"]),
            "members": [self.members[names] for names in sorted(self.members)],
            "tunnels": sorted(self.tunnels, key=lambda tunnel: (tunnel["network"], tunnel["host"], tunnel["peer"])),
            "changes": changes,
        }


def make_document(count: int, planned: bool = False) -> StatusDocument:
    """A document of ``count`` members: from 20 on, in three networks, with a baseline from 20 on."""
    world = World(planned)
    if count < 20:
        add_hub_and_spoke(world, "home", 1, count - 1, 0)
        return world.document()
    sites, servers = min(10, count // 5), min(12, count // 5)
    clients = count // 10
    hubs = max(2, count // 120)
    add_hub_and_spoke(world, "corp", hubs, count - sites - servers - clients - hubs, clients)
    add_mesh(world, "backbone", [f"db{number}" for number in range(1, servers + 1)])
    add_sites(world, "offices", _SITES[:sites])
    return world.document(None if planned else [*_changes(world)])


def add_hub_and_spoke(world: World, name: str, hubs: int, spokes: int, clients: int) -> None:
    world.add_network(name, "hub_and_spoke", "10.8.0.0/16", "fd00:8::/64")
    names = [f"hub{number}" for number in range(1, hubs + 1)]
    for hub in names:
        drift = [_missing_peer("spoke3")] if hub == "hub1" and spokes > 2 and not world.planned else None
        world.add_member(name, hub, "hub", DOWN if hub == "hub1" and spokes > 2 else UP, **_given(drift=drift))
    for first, second in combinations(names, 2):
        world.link(name, first, second)
    for number in range(1, spokes + 1):
        state: State = DOWN if number % 23 == 3 else UNKNOWN if number % 31 == 7 else UP
        problem = "the host did not answer: connection timed out" if state == UNKNOWN and not world.planned else ""
        subnets = [f"192.168.{number}.0/24"] if number % 9 == 2 and number < 250 else []
        reaches = [f"hub1 {service}" for service in _SERVICES[: number % 5]]
        world.add_member(name, f"spoke{number}", "host", state, subnets=subnets, problem=problem, reaches=reaches)
        _link(world, name, names[number % hubs], f"spoke{number}")
    for number in range(1, clients + 1):
        gone = number % 7 == 2
        until = "2026-11-01" if gone else "2026-12-05" if number % 5 == 1 else "2027-06-30"
        client = f"phone{number}"
        world.add_member(name, client, "client", EXPIRED if gone else UNKNOWN, valid_until=until)
        if not gone:
            _link(world, name, names[number % hubs], client)


def _link(world: World, network: str, hub: str, member: str) -> None:
    """As the hub's own state sums up its tunnels, look at the member's alone."""
    kept = world.members[network, hub]["state"]
    if not world.planned:
        world.members[network, hub]["state"] = UP
    world.link(network, hub, member)
    world.members[network, hub]["state"] = kept


def add_mesh(world: World, name: str, hosts: Iterable[str]) -> None:
    names = [*hosts]
    world.add_network(name, "mesh", "10.20.0.0/24")
    for number, host in enumerate(names):
        world.add_member(name, host, state=DOWN if number == 1 else UP, endpoint=f"{host}.example.org:51821")
    for first, second in combinations(names, 2):
        world.link(name, first, second)


def add_sites(world: World, name: str, sites: Iterable[str]) -> None:
    names = [*sites]
    world.add_network(name, "site_to_site", "10.30.0.0/24")
    for number, site in enumerate(names):
        subnets = [f"172.16.{number * 4 + each}.0/24" for each in range(number % 3 + 1)]
        world.add_member(name, f"gw-{site}", subnets=subnets, endpoint=f"gw-{site}.example.org:51822")
    for first, second in combinations(names, 2):
        world.link(name, f"gw-{first}", f"gw-{second}")


def _given(**given: Any) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}


def _missing_peer(name: str) -> dict[str, Any]:
    return {"action": "add", "peer": key_of(name), "attribute": "peers", "before": None, "after": {"endpoint": None}}


def _changes(world: World) -> Iterator[StatusChange]:
    """Changes of every form."""
    base = {"network": "corp", "peer": None, "attribute": None, "before": None, "after": None}
    for given in (
        {"member": "hub1", "attribute": "state", "before": UP, "after": DOWN},
        {"member": "hub1", "peer": "spoke3", "attribute": "state", "before": UP, "after": DOWN},
        {"member": "laptop-old", "before": {"kind": "host"}},
        {"member": "spoke1", "after": {"kind": "host"}},
        {"member": "spoke2", "attribute": "subnets", "before": [], "after": world.members["corp", "spoke2"]["subnets"]},
    ):
        yield {**base, **given}  # type: ignore[typeddict-item]


def document_with(names: list[str]) -> StatusDocument:
    """Each of these texts wherever a document can have one."""
    world = World()
    for number, name in enumerate(names):
        network = f"net {name}"
        world.add_network(network, "hub_and_spoke", name)
        world.add_member(network, name, "hub", endpoint=name, subnets=[name], addresses=[name], versions={name: name})
        world.add_member(network, f"{name} spoke", reaches=[name], problem=name, public_key=name, valid_until=name)
        world.members[network, name]["drift"] = [{"action": name, "attribute": name, "before": name, "after": number}]
        world.link(network, name, f"{name} spoke")
        world.tunnels[-1]["problem"] = name
    return world.document(
        [
            {"network": name, "member": name, "peer": name, "attribute": name, "before": name, "after": name}
            for name in names
        ]
    )


def pairs(document: StatusDocument) -> set[tuple[str, frozenset[str]]]:
    """Each tunnel once: its network and its two ends."""
    return {(tunnel["network"], frozenset((tunnel["host"], tunnel["peer"]))) for tunnel in document["tunnels"]}
