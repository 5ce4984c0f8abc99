# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a status document from a plan. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .plan_graph import CLIENT, Graph, Node, read_graphs
from .status_document import (
    EXPIRED,
    PLANNED,
    SCHEMA,
    MemberStatus,
    NetworkStatus,
    PlannedPeer,
    State,
    StatusDocument,
    TunnelStatus,
)

Key = tuple[str, str]


@dataclass(frozen=True)
class StatusFacts:
    """What a status document has that a plan has not. The keys are the names of a network and a member.

    ``key_since``: UNIX seconds. ``reaches``: one line for each destination, for the members of networks with a policy.
    """

    collection: str
    networks: list[NetworkStatus] = field(default_factory=list)
    key_since: Mapping[Key, int] = field(default_factory=dict)
    reaches: Mapping[Key, list[str]] = field(default_factory=dict)


def plan_document(plan: Mapping[str, Any], facts: StatusFacts, now: int) -> StatusDocument:
    """Return the document of a plan, with every tunnel seen from both ends. ``now`` in UNIX seconds."""
    graphs = read_graphs(plan)
    interfaces = _list_interfaces(plan)
    return {
        "schema": SCHEMA,
        "generated": now,
        "source": "plan",
        "collection": facts.collection,
        "networks": sorted(facts.networks, key=lambda network: network["name"]),
        "members": [
            _member(graph.network, graph.members[name], interfaces[graph.network, name], facts)
            for graph in graphs
            for name in sorted(graph.members)
        ],
        "tunnels": [
            _tunnel(graph, name, peer)
            for graph in graphs
            for name in sorted(graph.members)
            for peer in sorted(graph.members[name].peers, key=lambda peer: str(peer["name"]))
        ],
        "changes": None,
    }


def _list_interfaces(plan: Mapping[str, Any]) -> dict[Key, Mapping[str, Any]]:
    """Return what a plan says of each member: its ``interface``, ``public_key`` and ``valid_until``."""
    found: dict[Key, Mapping[str, Any]] = {}
    for host, entries in plan["hosts"].items():
        for entry in entries:
            own = {"interface": entry["options"]["interface"], "public_key": entry.get("public_key")}
            found[entry["network"], host] = own
    for network, clients in (plan.get("clients") or {}).items():
        found.update({(network, name): client for name, client in clients.items()})
    return found


def _member(network: str, node: Node, entry: Mapping[str, Any], facts: StatusFacts) -> MemberStatus:
    key = (network, node.name)
    state: State = EXPIRED if node.expired else PLANNED
    return {
        "network": network,
        "name": node.name,
        "kind": node.kind,  # type: ignore[typeddict-item]
        "state": state,
        "interface": entry["interface"],
        "addresses": list(node.addresses),
        "subnets": list(node.behind),
        "endpoint": node.endpoint or None,
        "public_key": entry.get("public_key") if node.known else None,
        "key_since": facts.key_since.get(key) if node.known else None,
        "valid_until": entry.get("valid_until"),
        "versions": {},
        "drift": None,
        "reaches": facts.reaches.get(key),
        "problem": "",
    }


def _tunnel(graph: Graph, host: str, peer: Mapping[str, Any]) -> TunnelStatus:
    return {
        "network": graph.network,
        "host": host,
        "peer": peer["name"],
        "state": PLANNED,
        "desired": planned_peer(peer),
        "running": None,
        "pings": [],
        "by_handshake": False,
        "problem": "",
    }


def planned_peer(peer: Mapping[str, Any]) -> PlannedPeer:
    return {
        "endpoint": peer.get("endpoint") or None,
        "allowed_ips": list(peer["allowed_ips"]),
        "persistent_keepalive": peer.get("persistent_keepalive") or 0,
    }


def only_hosts(document: StatusDocument, names: Iterable[str]) -> list[MemberStatus]:
    """The members that are these hosts, in the order of the document."""
    wanted = set(names)
    return [member for member in document["members"] if member["name"] in wanted and member["kind"] != CLIENT]
