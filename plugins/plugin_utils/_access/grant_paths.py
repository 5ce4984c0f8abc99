# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find grants that nothing can use, since no path leads from their sources to their destinations."""

from __future__ import annotations

from functools import cached_property
from itertools import islice, product

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import Prefix

from .._inventory.nouns import Network
from .._inventory.policy import Grant, Side
from .classes import group_units
from .places import Places
from .units import Unit, list_units

# Nearly each grant has a path between its first members, so that all others need not be looked at.
_FIRST = 3


def grants_without_path(places: Places, network: Network) -> list[Grant]:
    if not network.policy or not network.policy.grants:
        return []
    search = _Search(places, network)
    return [grant for grant in network.policy.grants if not search.has_path(grant)]


class _Search:
    def __init__(self, places: Places, network: Network) -> None:
        self._places = places
        self._network = network
        self._table = places.reach.machines.grants[network.name]

    def has_path(self, grant: Grant) -> bool:
        return self._has_soon(grant) or self._has_at_all(grant)

    def _has_soon(self, grant: Grant) -> bool:
        """Between the first members of both sides."""
        first = [self._first(side) for side in (grant.src, grant.dst)]
        sources = self._places.sources(self._network, first[0])
        targets = self._places.destinations(self._network, first[1])
        return any(
            len(source.packed) == len(target)
            and source.packed != target
            and self._places.reach.path(source.machine, source.packed, target).reached
            for source, target in product(sources, targets)
        )

    def _first(self, side: Side) -> Side:
        """Some of a side: its first members, and its first addresses that a member has."""
        names = sorted(side.members) if not side.everything else (each.name for each in self._network.members)
        inside = (
            host for prefix in side.prefixes[:_FIRST] for host in islice(filter(prefix.covers, self._hosts), _FIRST)
        )
        return side._replace(members=frozenset(islice(names, _FIRST)), prefixes=(*side.prefixes[:_FIRST], *inside))

    @cached_property
    def _hosts(self) -> list[Prefix]:
        return [address.host for member in self._network.members for address in member.addresses]

    def _has_at_all(self, grant: Grant) -> bool:
        bit = 1 << self._table.grants.index(grant)
        sources = [
            group for group in self._groups if any(self._table.sources(each) & bit for each in group[0].addresses)
        ]
        targets = [
            group for group in self._groups if any(self._table.destinations(each) & bit for each in group[0].addresses)
        ]
        return any(
            self._has(one[0], other[0] if other is not one else other[-1], bit)
            for one, other in product(sources, targets)
        )

    def _has(self, source: Unit, target: Unit, bit: int) -> bool:
        machine = source.machine
        if machine is None or source is target:
            return False
        return any(
            len(src) == len(dst)
            and self._table.sources(src) & self._table.destinations(dst) & bit
            and self._places.reach.path(machine, src, dst).reached
            for src, dst in product(source.addresses, target.addresses)
        )

    @cached_property
    def _groups(self) -> list[list[Unit]]:
        return group_units(list_units(self._places))
