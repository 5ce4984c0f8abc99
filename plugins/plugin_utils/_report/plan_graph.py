# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The result of ``plan`` seen as a graph: the members of each network and the links between them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any, NamedTuple

HUB = "hub"
HOST = "host"
CLIENT = "client"


@dataclass
class Node:
    """A member of one network, as a node. ``addresses`` have no length; ``peers`` are those of the plan.

    ``kind`` is ``hub`` for a host that relays for other members. ``known``: whether its public key is known.
    ``endpoint``: where its peers send to. ``behind``: the subnets that are reached through it.
    """

    name: str
    kind: str
    addresses: tuple[str, ...]
    peers: Sequence[Mapping[str, Any]]
    known: bool
    expired: bool = False
    endpoint: str = ""
    behind: tuple[str, ...] = ()


@dataclass
class Graph:
    """One network. ``members``: the nodes by name, sorted, clients last."""

    network: str
    members: dict[str, Node] = field(default_factory=dict)


class Edge(NamedTuple):
    """Two members, at least one of which has the other as a peer. ``whole``: both do, and both keys are known.

    If only one of the two has an endpoint, it is the second one.
    """

    names: tuple[str, str]
    whole: bool
    second_called: bool
    both_called: bool


def read_graphs(plan: Mapping[str, Any]) -> list[Graph]:
    """Return one graph for each network of a plan, sorted by name."""
    graphs: dict[str, Graph] = {}
    unknown = set(plan.get("unknown_keys") or ())
    for host in sorted(plan["hosts"]):
        for entry in plan["hosts"][host]:
            options = entry["options"]
            member = Node(host, HOST, _bare(options["addresses"]), options["peers"], host not in unknown)
            _graph(graphs, entry["network"]).members[host] = member
    for network, clients in (plan.get("clients") or {}).items():
        for name in sorted(clients):
            entry = clients[name]
            expired = bool(entry.get("expired"))
            member = Node(name, CLIENT, _bare(entry["addresses"]), entry["peers"], name not in unknown, expired)
            _graph(graphs, network).members[name] = member
    for graph in graphs.values():
        _complete_nodes(graph)
    return [graphs[name] for name in sorted(graphs)]


def _graph(graphs: dict[str, Graph], network: str) -> Graph:
    return graphs.setdefault(network, Graph(network))


def _bare(addresses: Iterable[str]) -> tuple[str, ...]:
    return tuple(address.partition("/")[0] for address in addresses)


def _complete_nodes(graph: Graph) -> None:
    """Add to each node what only the peers' entries have: its endpoint, its subnets, and whether it is a hub."""
    reached: dict[str, dict[str, None]] = {}
    for member in graph.members.values():
        for peer in member.peers:
            seen = graph.members.get(peer["name"])
            if seen is not None:
                seen.endpoint = seen.endpoint or peer.get("endpoint") or ""
                reached.setdefault(seen.name, {}).update(dict.fromkeys(peer["allowed_ips"]))
    addresses = _Addresses(graph.members.values())
    for name, prefixes in reached.items():
        member = graph.members[name]
        own = {_host_prefix(address) for address in member.addresses}
        behind = tuple(prefix for prefix in prefixes if prefix not in own)
        if any(addresses.has_other(prefix, name) for prefix in behind):
            member.kind = HUB
        else:
            member.behind = behind


def _host_prefix(address: str) -> str:
    return f"{address}/{128 if ':' in address else 32}"


class _Addresses:
    """The addresses of all members in order, so that who lies in a prefix is found by halving."""

    def __init__(self, members: Iterable[Node]) -> None:
        pairs = [(ip_address(text), member.name) for member in members for text in member.addresses]
        self._sorted = {
            version: sorted((int(address), name) for address, name in pairs if address.version == version)
            for version in (4, 6)
        }

    def has_other(self, prefix: str, name: str) -> bool:
        """Whether another member's address lies in the prefix."""
        network = ip_network(prefix, strict=False)
        entries = self._sorted[network.version]
        first = bisect_left(entries, (int(network.network_address), ""))
        last = bisect_right(entries, (int(network.broadcast_address), "\U0010ffff"))
        return any(owner != name for _address, owner in entries[first:last])


def list_edges(graph: Graph) -> Iterator[Edge]:
    """List the edges, each pair of members once, sorted by name."""
    ends: dict[tuple[str, str], dict[str, bool]] = {}
    for member in graph.members.values():
        for peer in member.peers:
            first, second = sorted((member.name, peer["name"]))
            # The peer's name, and whether the member has an endpoint for it.
            ends.setdefault((first, second), {})[peer["name"]] = bool(peer.get("endpoint"))
    for (first, second), called in sorted(ends.items()):
        names = (second, first) if called.get(first) and not called.get(second) else (first, second)
        known = all(name not in graph.members or graph.members[name].known for name in names)
        yield Edge(
            names, known and len(called) == 2, bool(called.get(names[1])), all(called.get(name) for name in names)
        )
