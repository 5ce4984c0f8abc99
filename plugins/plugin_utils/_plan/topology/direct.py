# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Topologies in which every two members that communicate have a tunnel: no host relays for others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations

from ..._inventory import option_parsers
from ..._inventory.close import nearest
from ..._inventory.errors import Problems
from ..._inventory.nouns import FULL, Link, Member, Network
from ..._inventory.prefixes import as_text, without


def _can_meet(one: Member, other: Member) -> bool:
    return bool(one.endpoint_for(other) or other.endpoint_for(one))


class Mesh:
    """Everyone has a tunnel to everyone else."""

    options: tuple[str, ...] = ("members",)

    def check(self, network: Network, problems: Problems) -> None:
        remedy = f"remove it, or set it in wireguard_overrides for another network than {network.name}"
        for node in network.nodes:
            if node.tunnel == FULL:
                problems.add(node.name, "wireguard_tunnel", FULL, "the host has no hub to send everything to", remedy)
            if node.routes:
                routes = ", ".join(map(str, node.routes))
                problems.add(node.name, "wireguard_routes", routes, "the host has no hub to send this to", remedy)

    def pairs(self, network: Network) -> Iterable[tuple[Member, Member]]:
        """Who is to have a tunnel, each pair once."""
        return combinations(network.nodes, 2)

    def links(self, network: Network) -> Iterator[Link]:
        own = {node.name: as_text(node.own) for node in network.nodes}
        for one, other in self.pairs(network):
            if _can_meet(one, other):
                yield Link(one, other, _sent(one, other) if one.excluded else own[other.name])
                yield Link(other, one, _sent(other, one) if other.excluded else own[one.name])

    def apart(self, network: Network) -> Iterator[tuple[Member, Member]]:
        return (pair for pair in self.pairs(network) if not _can_meet(*pair))

    def relays(self, network: Network) -> Iterable[Member]:
        return ()


def _sent(host: Member, peer: Member) -> list[str]:
    return as_text(without(peer.own, host.excluded))


class SiteToSite(Mesh):
    """A mesh of gateways, each with the subnets of its site behind it."""

    def check(self, network: Network, problems: Problems) -> None:
        super().check(network, problems)
        for gateway in network.nodes:
            if not gateway.subnets:
                remedy = "list the subnets of its site; hosts without subnets can use the topology mesh"
                problems.add(gateway.name, "wireguard_subnets", None, "the gateway has no subnets", remedy)


class Custom(Mesh):
    """The tunnels that are listed, and no others but that of each client to its host."""

    options = ("clients", "links")

    def check(self, network: Network, problems: Problems) -> None:
        super().check(network, problems)
        names = [node.name for node in network.nodes]
        for client in network.clients:
            if client.hub not in names:
                option = option_parsers.option_of(network.name, client, "hub")
                problem, remedy = "not a host of the network", nearest(client.hub or "", names)
                problems.add(*option, client.hub, problem, remedy)

    def links(self, network: Network) -> Iterator[Link]:
        yield from super().links(network)
        nodes = {node.name: node for node in network.nodes}
        everything = as_text(network.inside)
        for client in network.clients:
            home = nodes[client.hub or ""]
            yield Link(home, client, as_text(client.own))
            yield Link(client, home, everything)

    def pairs(self, network: Network) -> Iterable[tuple[Member, Member]]:
        nodes = {node.name: node for node in network.nodes}
        return ((nodes[one], nodes[other]) for one, other in network.links)
