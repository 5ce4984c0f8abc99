# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The firewall rules of all networks together, since grants can name members of other networks."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterable, Mapping, Sequence

from .._inventory.nouns import Network
from .._policy.body import Placement, Rules, compile_rules
from .._policy.resolve import SideResolver
from .affected import network_without
from .topology import TOPOLOGIES


def find_rules(networks: Sequence[Network], today: datetime.date) -> dict[str, Rules]:
    """The rules of each network. All members have their addresses."""
    resolver = SideResolver(networks, today)
    interfaces: dict[str, list[str]] = {}
    for network in networks:
        for host in network.hosts:
            interfaces.setdefault(host.name, []).append(host.interface or network.interface)
    for names in interfaces.values():
        names.sort()

    def placement(network: Network) -> Placement:
        relays = frozenset(host.name for host in TOPOLOGIES[network.topology].relays(network))
        return Placement(relays, interfaces)

    return {network.name: compile_rules(network, resolver, placement(network)) for network in networks}


def hosts_with_other_rules(networks: Iterable[Network], names: Collection[str], today: datetime.date) -> set[str]:
    """The hosts whose rules would differ without the named members."""
    found = list(networks)
    rest = [each for network in found if (each := network_without(network, names))]
    with_names, without = find_rules(found, today), find_rules(rest, today)
    return {
        host
        for network, rules in with_names.items()
        for host, entry in rules.hosts.items()
        if network in without and without[network].hosts.get(host) != entry
    }


def shared_rules(rules: Mapping[str, Rules]) -> dict[str, object]:
    """Network to the parts that its hosts share, without networks that have none."""
    return {network: each.shared for network, each in rules.items() if each.shared}
