# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Topologies: each is a set of functions from a network to what it consists of. Nothing else knows them by name."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from typing import Protocol

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import Prefix, sort_prefixes

from .errors import Problems, list_names
from .facts import FULL, SPLIT, Host, Link, Network

_DEFAULT_ROUTES: dict[int, Prefix] = {socket.AF_INET: Prefix(bytes(4), 0), socket.AF_INET6: Prefix(bytes(16), 0)}


class Topology(Protocol):
    def check(self, network: Network, problems: Problems) -> None:
        """Collects what keeps the network from having this shape."""

    def links(self, network: Network) -> Iterable[Link]:
        """Both directions of every tunnel."""

    def relays(self, network: Network) -> Iterable[Host]:
        """The hosts that pass on what other members send each other."""


def _as_text(prefixes: Iterable[Prefix]) -> tuple[str, ...]:
    return tuple(str(prefix) for prefix in sort_prefixes(set(prefixes)))


class HubAndSpoke:
    """Every spoke has one tunnel, to the hub, which relays between them."""

    def check(self, network: Network, problems: Problems) -> None:
        if len(network.hubs) > 1:
            names = list_names([hub.name for hub in network.hubs])
            problems.add(
                "",
                f"wireguard_networks.{network.name}.hubs",
                names,
                "hub_and_spoke has one hub so far",
                "leave one host in the group, or name another group in hubs",
            )
        for hub in network.hubs:
            if hub.endpoint is None:
                problems.add(
                    hub.name,
                    "wireguard_endpoint",
                    None,
                    "the hub has none, so that no spoke could find it",
                    "give the public address or name of the hub, such as vpn.example.org",
                )

    def links(self, network: Network) -> Iterator[Link]:
        (hub,) = network.hubs
        elsewhere = network.subnets
        routes = {tunnel: _as_text(self._routes(network, elsewhere, tunnel)) for tunnel in (SPLIT, FULL)}
        for spoke in network.spokes:
            yield Link(hub, spoke, _as_text(spoke.own))
            own = {str(subnet) for subnet in spoke.subnets}
            allowed = routes[spoke.tunnel]
            yield Link(spoke, hub, tuple(text for text in allowed if text not in own) if own else allowed)

    def relays(self, network: Network) -> Iterable[Host]:
        return network.hubs

    @staticmethod
    def _routes(network: Network, subnets: list[Prefix], tunnel: str) -> list[Prefix]:
        """What a spoke with this tunnel reaches through the hub, its own subnets still among it."""
        wanted = [*network.prefixes, *subnets]
        if tunnel != FULL:
            return wanted
        families = {prefix.family for prefix in network.prefixes}
        defaults = [_DEFAULT_ROUTES[family] for family in families]
        return defaults + [prefix for prefix in wanted if prefix.family not in families]


TOPOLOGIES: dict[str, Topology] = {"hub_and_spoke": HubAndSpoke()}
