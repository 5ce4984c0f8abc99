# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find routing loops: a tunnel that would carry its own packets, since its allowed IPs hold its endpoint."""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.endpoint import Endpoint
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import Prefix, mask, parse_prefix

from .._inventory import option_parsers
from .._inventory.errors import Problems, list_names
from .._inventory.nouns import FULL, Link, Member, Network
from .._inventory.prefixes import literal_prefix


class RoutingLoops:
    """Examines only links whose endpoint lies in the network, or whose host has excluded or additional routes."""

    def __init__(self, network: Network) -> None:
        self._network = network
        inside = _PrefixSet(network.inside)
        endpoints = {e for member in network.members for e in (member.endpoint, member.endpoint_inside) if e}
        self._endangered = {endpoint for endpoint in endpoints if inside.holds(literal_prefix(endpoint))}
        self._special = {leaf.name for leaf in network.spokes + network.clients if leaf.routes or leaf.excluded}
        self.suspects: list[tuple[Link, Endpoint]] = []

    def note(self, link: Link, endpoint: Endpoint) -> None:
        """Remember the link if it can be a loop. ``endpoint`` is where its host sends its packets."""
        host = link.host
        if (endpoint in self._endangered or host.name in self._special) and _routes_by_itself(host):
            self.suspects.append((link, endpoint))

    def check(self, links: Iterable[Link], problems: Problems) -> None:
        """Add a problem for each remembered link that is a loop, given all ``links``."""
        sent: dict[str, list[list[str]]] = {link.host.name: [] for link, _endpoint in self.suspects}
        for link in links:
            if link.host.name in sent:
                sent[link.host.name].append(link.allowed_ips)
        covering = _CoveringPrefixes()
        found: dict[tuple[str, str, str, str], list[str]] = {}
        for (host, peer, _allowed_ips), endpoint in self.suspects:
            address = literal_prefix(endpoint)
            if address is None:
                self._check_name(host, peer, endpoint, problems)
                continue
            option = "wireguard_endpoint" + ("" if endpoint == peer.endpoint else "_inside")
            for allowed_ips in sent[host.name]:
                for prefix in covering.find(address, allowed_ips):
                    found.setdefault((peer.name, option, str(endpoint), prefix), []).append(host.name)
        remedy = "use an endpoint outside of it, or exclude it from the tunnel with wireguard_excluded_subnets"
        for (name, option, value, prefix), hosts in found.items():
            problem = f"routing loop: it is in {prefix}, which {list_names(hosts)} would send into the tunnel"
            problems.add(name, option, value, problem, remedy)

    def _check_name(self, host: Member, peer: Member, endpoint: Endpoint, problems: Problems) -> None:
        if host.tunnel == FULL and host.excluded and not host.is_client:
            problem = f"the address of {endpoint} must stay outside the tunnel too, but is not known here"
            remedy = f"use an IP address in wireguard_endpoint of {peer.name}, or set wireguard_table to off"
            excluded = ", ".join(map(str, host.excluded))
            problems.add(
                *option_parsers.option_of(self._network.name, host, "excluded_subnets"), excluded, problem, remedy
            )


def _routes_by_itself(host: Member) -> bool:
    """Whether the interface's routes take effect where its own packets are sent from."""
    options = host.options
    return options.get("table", "auto") == "auto" and options.get("netns") == options.get("birth_netns")


class _CoveringPrefixes:
    """Finds the allowed IPs that cover an address. Many hosts share one list, so results are kept by its identity."""

    def __init__(self) -> None:
        self._found: dict[tuple[Prefix, int], list[str]] = {}

    def find(self, address: Prefix, allowed_ips: list[str]) -> list[str]:
        """The caller must keep ``allowed_ips``. A default route is no loop, since wg-quick routes by mark then."""
        key = (address, id(allowed_ips))
        if key not in self._found:
            self._found[key] = [
                text for text in allowed_ips if not text.endswith("/0") and parse_prefix(text).covers(address)
            ]
        return self._found[key]


class _PrefixSet:
    """Many prefixes by length, to test quickly whether one of them holds an address."""

    def __init__(self, prefixes: Iterable[Prefix]) -> None:
        self._by_length: dict[int, set[bytes]] = {}
        for packed, length in prefixes:
            self._by_length.setdefault(length, set()).add(packed)

    def holds(self, address: Prefix | None) -> bool:
        return address is not None and any(
            length <= address.length and mask(address.packed, length) in found
            for length, found in self._by_length.items()
        )
