# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The status document of a plan, for which no host is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .plan_graph import CLIENT, HUB, Graph, Node, read_graphs
from .status_document import EXPIRED, PLANNED, SCHEMA, MemberStatus, StatusDocument, TunnelStatus


def plan_document(plan: Mapping[str, Any], generated: int, collection: str) -> StatusDocument:
    """Make the document of the result of ``plan``. ``collection`` is its version."""
    graphs = read_graphs(plan)
    networks = plan["networks"]
    return {
        "schema": SCHEMA,
        "generated": generated,
        "source": "plan",
        "collection": collection,
        "networks": [
            {"name": name, "topology": networks[name]["topology"], "prefixes": [*networks[name]["prefixes"]]}
            for name in sorted(networks)
        ],
        "members": [
            _member(graph.network, node, _entry(plan, graph, node))
            for graph in graphs
            for node in sorted(graph.members.values(), key=lambda node: node.name)
        ],
        "tunnels": sorted(
            (tunnel for graph in graphs for node in graph.members.values() for tunnel in _tunnels(graph.network, node)),
            key=lambda tunnel: (tunnel["network"], tunnel["host"], tunnel["peer"]),
        ),
        "changes": None,
    }


def _entry(plan: Mapping[str, Any], graph: Graph, node: Node) -> Mapping[str, Any]:
    """What the plan has of a member in one network, with a host's options beside the rest."""
    clients: Mapping[str, Mapping[str, Any]] = (plan.get("clients") or {}).get(graph.network, {})
    if node.name in clients:
        return clients[node.name]
    entry = next(entry for entry in plan["hosts"][node.name] if entry["network"] == graph.network)
    return {**entry, **entry["options"]}


def _member(network: str, node: Node, entry: Mapping[str, Any]) -> MemberStatus:
    return {
        "network": network,
        "name": node.name,
        "kind": "hub" if node.kind == HUB else "client" if node.kind == CLIENT else "host",
        "state": EXPIRED if node.expired else PLANNED,
        "interface": entry["interface"],
        "addresses": [*entry["addresses"]],
        "subnets": [*node.behind],
        "endpoint": node.endpoint or None,
        "public_key": entry.get("public_key") if node.known else None,
        "key_since": None,
        "valid_until": entry.get("valid_until"),
        "versions": {},
        "drift": None,
        "reaches": None,
        "problem": "",
    }


def _tunnels(network: str, node: Node) -> Iterator[TunnelStatus]:
    for peer in node.peers:
        yield {
            "network": network,
            "host": node.name,
            "peer": peer["name"],
            "state": PLANNED,
            "desired": {
                "endpoint": peer.get("endpoint"),
                "allowed_ips": [*peer["allowed_ips"]],
                "persistent_keepalive": peer["persistent_keepalive"],
            },
            "running": None,
            "pings": [],
            "by_handshake": False,
            "problem": "",
        }
