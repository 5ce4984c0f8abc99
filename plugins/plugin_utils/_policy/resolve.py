# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The addresses of the sources and destinations of grants and tests."""

from __future__ import annotations

import datetime
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import NamedTuple

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import Prefix, sort_key, sort_prefixes

from .._inventory.nouns import Network
from .._inventory.policy import Side
from .._inventory.prefixes import DEFAULT_ROUTES, PUBLIC, collapse, subtract
from .masquerade import exit_addresses


class Prefixes(NamedTuple):
    """Disjoint prefixes by family, sorted."""

    ipv4: tuple[Prefix, ...] = ()
    ipv6: tuple[Prefix, ...] = ()


def by_family(prefixes: Iterable[Prefix]) -> Prefixes:
    """Sorted and disjoint prefixes by family."""
    found = tuple(prefixes)
    return Prefixes(
        tuple(prefix for prefix in found if len(prefix[0]) == 4),
        tuple(prefix for prefix in found if len(prefix[0]) != 4),
    )


class SideResolver:
    """Resolves sides to addresses. ``networks`` are all networks, with final addresses. Each side is resolved once."""

    def __init__(self, networks: Sequence[Network], today: datetime.date) -> None:
        self._networks = {network.name: network for network in networks}
        self._today = today
        self._found: dict[tuple[str, Side, bool], Prefixes] = {}

    @cached_property
    def _addresses(self) -> dict[str, dict[str, tuple[Prefix, ...]]]:
        """Member to its addresses in each of its networks. A client past its date has none."""
        found: dict[str, dict[str, tuple[Prefix, ...]]] = {}
        for network in self._networks.values():
            for member in network.members:
                is_gone = member.is_expired(self._today)
                addresses = () if is_gone else tuple(address.host for address in member.addresses)
                found.setdefault(member.name, {})[network.name] = addresses
        return found

    def sources(self, network: str, side: Side) -> Prefixes:
        """What ``side`` stands for as a source in a grant or test of this network."""
        return self._resolve(network, side, True)

    def destinations(self, network: str, side: Side) -> Prefixes:
        """What ``side`` stands for as a destination in a grant or test of this network."""
        return self._resolve(network, side, False)

    def addresses(self, network: str, member: str) -> tuple[Prefix, ...]:
        """The addresses of a member in this network, else in the only other network that has it."""
        homes = self._addresses.get(member, {})
        found = homes.get(network)
        return found if found is not None else next(iter(homes.values()), ())

    @cached_property
    def inside(self) -> list[Prefix]:
        """The prefixes of all networks and the subnets behind their members, as the fewest prefixes."""
        return collapse(prefix for network in self._networks.values() for prefix in network.inside)

    @cached_property
    def internet(self) -> Prefixes:
        """The public addresses outside all networks, without those of the hosts where full tunnels end."""
        return by_family(subtract(PUBLIC, [*self.inside, *exit_addresses(self._networks.values())]))

    def _resolve(self, network: str, side: Side, is_source: bool) -> Prefixes:
        key = (network, side, is_source)
        if key not in self._found:
            self._found[key] = self._add_up(network, side, is_source)
        return self._found[key]

    def _add_up(self, network: str, side: Side, is_source: bool) -> Prefixes:
        if side.everything and not is_source:
            return by_family(DEFAULT_ROUTES)
        wide: list[Prefix] = list(side.prefixes)
        if side.everything:
            wide += self._networks[network].inside
        if side.internet:
            wide += [*self.internet.ipv4, *self.internet.ipv6]
        wide = collapse(wide)
        hosts = {address for name in side.members for address in self.addresses(network, name)}
        # Addresses of members stay single, so that a change of one member is a change of one line.
        cover = _Cover(wide)
        return by_family(sort_prefixes([*wide, *(each for each in hosts if not cover.has(each))]))


class _Cover:
    """Whether single addresses lie in one of disjoint, sorted prefixes."""

    def __init__(self, prefixes: Sequence[Prefix]) -> None:
        self._prefixes = prefixes
        self._keys = [sort_key(prefix) for prefix in prefixes]

    def has(self, address: Prefix) -> bool:
        place = bisect_right(self._keys, sort_key(address)) if self._keys else 0
        return place > 0 and self._prefixes[place - 1].covers(address)
