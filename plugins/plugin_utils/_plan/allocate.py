# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gives out addresses from a network's pools. Pure, and linear in members and addresses.

A member whose inventory names addresses has just these, and none where its list is empty. Any other gets one address of
each family that the pools have, and keeps it: what is recorded is only taken back when today's prefixes do not hold it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import (
    InterfaceAddress,
    Prefix,
    format_ip,
    parse_interface_address,
)

from .._inventory.errors import Problems, list_names
from .._inventory.nouns import Member, Network
from .._inventory.option_parsers import NETWORKS, option_of
from .._registry.member_record import Records

# The interface identifier of an IPv6 address (RFC 4291, section 2.5.1).
_IDENTIFIER_BITS = 64


class Allocation(NamedTuple):
    """``addresses``: to each member without any, those that it gets. ``given``: those of them that are new to it."""

    addresses: dict[str, tuple[InterfaceAddress, ...]]
    given: dict[str, tuple[str, ...]]
    warnings: list[str]


def allocate(network: Network, records: Records, resting: Collection[str]) -> Allocation:
    """Allocate addresses. ``resting`` ones are not given out yet. Raises FleetError."""
    problems = Problems()
    allocator = _Allocator(network, resting)
    waiting = [member for member in network.members if not member.addresses and not member.unnumbered]
    found = Allocation({}, {}, [])
    for member in waiting:
        recorded = records.members.get(member.name)
        allocator.keep(member, recorded.addresses if recorded else (), found, problems)
    problems.refuse()
    allocator.give(waiting, found, problems)
    problems.refuse()
    return found


class _Allocator:
    def __init__(self, network: Network, resting: Collection[str]) -> None:
        self._network = network
        self._resting = {_packed(address) for address in resting}
        self._explicit = {address.packed: member for member in network.members for address in member.addresses}
        self._used = set(self._explicit)
        self._pools = [_Pool(pool, network.prefixes) for pool in dict.fromkeys(network.pools or network.prefixes)]

    def keep(self, member: Member, recorded: Iterable[str], found: Allocation, problems: Problems) -> None:
        """What the member was given by an earlier run."""
        kept = []
        for text in recorded:
            packed = _packed(text)
            owner = self._explicit.get(packed)
            address = _on_network(packed, self._network.prefixes)
            if owner is not None:
                problem = f"the registry has it for {member.name}"
                remedy = f"give {owner.name} another address, or set another one for {member.name} in the inventory too"
                problems.add(*option_of(self._network.name, owner, "addresses"), text, problem, remedy)
            elif address is None:
                prefixes = list_names([str(prefix) for prefix in self._network.prefixes])
                found.warnings.append(
                    f"The registry has {text} for {member.name}, which is outside the network {self._network.name} "
                    f"({prefixes}). {member.name} gets another address."
                )
            else:
                self._used.add(packed)
                kept.append(address)
        found.addresses[member.name] = tuple(kept)

    def give(self, members: Iterable[Member], found: Allocation, problems: Problems) -> None:
        """An address of each family that a member lacks."""
        for family in dict.fromkeys(pool.prefix.family for pool in self._pools):
            pools = [pool for pool in self._pools if pool.prefix.family == family]
            without: list[str] = []
            for member in members:
                if any(address.family == family for address in found.addresses[member.name]):
                    continue
                # If one member finds no free address, the following ones find none either.
                packed = None if without else self._next(pools, member.name)
                address = _on_network(packed, self._network.prefixes) if packed else None
                if address is None:
                    without.append(member.name)
                    continue
                self._used.add(address.packed)
                found.addresses[member.name] += (address,)
                found.given[member.name] = (*found.given.get(member.name, ()), format_ip(address.packed))
            if without:
                self._refuse(pools, without, problems)

    def _next(self, pools: Iterable[_Pool], name: str) -> bytes | None:
        for pool in pools:
            for packed in pool.candidates(name):
                if packed not in self._used and packed not in self._resting:
                    return packed
        return None

    def _refuse(self, pools: list[_Pool], without: list[str], problems: Problems) -> None:
        outer = [
            each for each in pools if not any(other.prefix.covers(each.prefix) for other in pools if other != each)
        ]

        def count(addresses: set[bytes]) -> int:
            return sum(pool.prefix.covers((packed, len(packed) * 8)) for pool in outer for packed in addresses)

        size, used, resting = sum(pool.size for pool in outer), count(self._used), count(self._resting - self._used)
        problem = (
            f"exhausted: {used} of {size} addresses are used and {resting} are resting, so none is left for "
            f"{len(without)} more: {list_names(without)}"
        )
        remedy = "add a pool, shorten rest_days, or remove members"
        option = f"{NETWORKS}.{self._network.name}.pools"
        problems.add("", option, ", ".join(str(pool.prefix) for pool in pools), problem, remedy)


class _Pool:
    """The addresses of one pool in the order in which they are given out."""

    def __init__(self, prefix: Prefix, prefixes: Iterable[Prefix]) -> None:
        self.prefix = prefix
        self._bytes = len(prefix.packed)
        self._first = int.from_bytes(prefix.packed, "big")
        bits = self._bytes * 8 - prefix.length
        self._span = 1 << (bits if self._bytes == 4 else min(bits, _IDENTIFIER_BITS))
        network = next((each for each in prefixes if each.covers(prefix)), prefix)
        self._reserved = {number for number in _reserved(network) if 0 <= number - self._first < self._span}
        self.size = self._span - len(self._reserved)
        self._cursor = 0

    def candidates(self, name: str) -> Iterator[bytes]:
        offsets = self._ascending() if self._bytes == 4 else self._hashed(name)
        for offset in offsets:
            if self._first + offset not in self._reserved:
                yield (self._first + offset).to_bytes(self._bytes, "big")

    def _ascending(self) -> Iterator[int]:
        """The lowest first. What was looked at before was taken then, and is so still."""
        while self._cursor < self._span:
            self._cursor += 1
            yield self._cursor - 1

    def _hashed(self, name: str) -> Iterator[int]:
        """The address that follows from the member's name alone; if it is taken, the ones after it."""
        digest = hashlib.sha256(f"{self.prefix} {name}".encode()).digest()
        start = int.from_bytes(digest, "big") % self._span
        yield from range(start, self._span)
        yield from range(start)


def _reserved(network: Prefix) -> set[int]:
    """The addresses of a network that no host can have.

    Those are the network's own and, with IPv4, the broadcast address; not where there are just two or one (RFC 3021,
    RFC 6164). With IPv6 the first one is the routers' anycast address (RFC 4291, section 2.6.1).
    """
    bits = len(network.packed) * 8 - network.length
    first = int.from_bytes(network.packed, "big")
    if bits < 2:
        return set()
    return {first, first + (1 << bits) - 1} if len(network.packed) == 4 else {first}


def _packed(address: str) -> bytes:
    return parse_interface_address(address).packed


def _on_network(packed: bytes, prefixes: Iterable[Prefix]) -> InterfaceAddress | None:
    """The address with the length of the prefix that it lies in; None where it lies in none."""
    lengths = [prefix.length for prefix in prefixes if prefix.covers((packed, len(packed) * 8))]
    return InterfaceAddress(packed, max(lengths)) if lengths else None
