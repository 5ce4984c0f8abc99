# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which grants concern which hosts. Grants are looked up in an index of addresses, not host by host."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from functools import cached_property

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import Prefix

from .._inventory.nouns import Member, Network
from .._inventory.policy import Side
from .resolve import SideResolver

_NONE: frozenset[int] = frozenset()


class Concerns:
    """The numbers of the grants of a network that concern each of its hosts which is no relay."""

    def __init__(self, network: Network, resolver: SideResolver) -> None:
        self._network = network
        self._resolver = resolver

    def to_host(self, host: Member) -> frozenset[int]:
        """Grants whose destination is the host or behind it."""
        return frozenset(self._destinations.get(host.name, _NONE))

    def from_host(self, host: Member) -> frozenset[int]:
        """Grants whose source is the host or behind it."""
        return frozenset(self._sources.get(host.name, _NONE))

    @cached_property
    def _destinations(self) -> dict[str, set[int]]:
        return self._concerned(is_source=False)

    @cached_property
    def _sources(self) -> dict[str, set[int]]:
        return self._concerned(is_source=True)

    @cached_property
    def _owners(self) -> Owners:
        return Owners((prefix, host.name) for host in self._network.hosts for prefix in host.own)

    def _concerned(self, is_source: bool) -> dict[str, set[int]]:
        network = self._network
        found: dict[str, set[int]] = {}
        known: dict[Side, frozenset[str]] = {}
        resolve = self._resolver.sources if is_source else self._resolver.destinations
        for grant in network.policy.grants if network.policy else ():
            side = grant.src if is_source else grant.dst
            if side not in known:
                known[side] = self._owners.of(prefix for family in resolve(network.name, side) for prefix in family)
            for name in known[side]:
                found.setdefault(name, set()).add(grant.number)
        return found


class Owners:
    """Who has disjoint prefixes, found by a prefix that overlaps with theirs."""

    def __init__(self, owned: Iterable[tuple[Prefix, str]]) -> None:
        self._by_size: dict[int, list[tuple[bytes, int, str]]] = {4: [], 16: []}
        for prefix, name in owned:
            self._by_size[len(prefix[0])].append((*prefix, name))
        for entries in self._by_size.values():
            entries.sort()
        self._starts = {size: [entry[0] for entry in entries] for size, entries in self._by_size.items()}

    def of(self, prefixes: Iterable[Prefix]) -> frozenset[str]:
        return frozenset(name for prefix in prefixes for name in self._overlapping(prefix))

    def _overlapping(self, prefix: Prefix) -> Iterator[str]:
        packed, length = prefix
        size = len(packed)
        entries, starts = self._by_size[size], self._starts[size]
        first = bisect_left(starts, packed)
        # The one before may be larger and hold this prefix.
        if first and Prefix(*entries[first - 1][:2]).covers(prefix):
            yield entries[first - 1][2]
        bits = size * 8 - length
        last = (int.from_bytes(packed, "big") | ((1 << bits) - 1)).to_bytes(size, "big") if bits else packed
        for entry in entries[first : bisect_right(starts, last)]:
            yield entry[2]
