# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which grant of a network allows a packet. A set of grants is a number whose bits are their places in the policy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import Prefix

from .._inventory.nouns import Member, Network
from .._inventory.policy import ICMP, ICMPV6, Grant, Policy, Service, Side
from .._inventory.prefixes import PUBLIC
from .._inventory.services import EXTENSION_HEADERS
from .._policy.masquerade import exit_addresses
from .lookup import PrefixTable

_PUBLIC = PrefixTable((prefix, None) for prefix in PUBLIC)


class Packet(NamedTuple):
    """The first packet of a connection, by its packed addresses. ``protocol`` ICMP is that of both families.

    ``port`` is the destination's, 0 where the protocol has none.
    """

    src: bytes
    dst: bytes
    protocol: int
    port: int = 0

    @property
    def wire_protocol(self) -> int:
        return on_wire(self.protocol, self.src)


def on_wire(protocol: int, packed: bytes) -> int:
    """The number that a packet with such an address has."""
    return ICMPV6 if protocol == ICMP and len(packed) == 16 else protocol


class AddressBook:
    """Which members have an address, and what is inside the networks: what the sides of grants are compared with."""

    def __init__(self, networks: Sequence[Network]) -> None:
        self.networks = tuple(networks)
        self._insides: dict[str, PrefixTable[None]] = {}
        self._inside = PrefixTable((prefix, None) for network in networks for prefix in network.inside)
        self._exits = frozenset(address.packed for address in exit_addresses(networks))
        # Name to network to member.
        self._members: dict[str, dict[str, Member]] = {}
        for network in networks:
            for member in network.members:
                self._members.setdefault(member.name, {})[network.name] = member

    def is_inside(self, packed: bytes) -> bool:
        """Whether the address is in the prefixes or subnets of any network."""
        return self._inside.has(packed)

    def is_in(self, network: Network, packed: bytes) -> bool:
        """Whether it is in the prefixes or subnets of this network."""
        if network.name not in self._insides:
            self._insides[network.name] = PrefixTable((prefix, None) for prefix in network.inside)
        return self._insides[network.name].has(packed)

    def is_internet(self, packed: bytes) -> bool:
        return _PUBLIC.has(packed) and not self._inside.has(packed) and packed not in self._exits

    def of(self, network: Network, name: str) -> Iterator[bytes]:
        """The own addresses of a member: those in this network, else those in the only other network that has it."""
        found = self._members.get(name, {})
        member = found.get(network.name) or next(iter(found.values()), None)
        for address in member.addresses if member else ():
            yield address.packed


class GrantTable:
    """The grants of a network's policy, for lookups by address. Built once, in the time that it takes to read them."""

    def __init__(self, network: Network, policy: Policy, addresses: AddressBook) -> None:
        self.network = network
        self.grants = policy.grants
        self._addresses = addresses
        self._src = _SideTable(network, addresses, (grant.src for grant in policy.grants))
        self._dst = _SideTable(network, addresses, (grant.dst for grant in policy.grants))
        self._services: dict[tuple[int, int, int], int] = {}

    def sources(self, packed: bytes) -> int:
        """The grants that have this source."""
        found = self._src.find(packed)
        if self._src.everything and self._addresses.is_in(self.network, packed):
            found |= self._src.everything
        return found

    def destinations(self, packed: bytes) -> int:
        """The grants that have this destination."""
        found = self._dst.find(packed) | self._dst.everything
        if self._dst.internet and self._addresses.is_internet(packed):
            found |= self._dst.internet
        return found

    def services(self, packet: Packet) -> int:
        """The grants that have this protocol and port."""
        key = (len(packet.dst), packet.protocol, packet.port)
        if key not in self._services:
            self._services[key] = sum(
                1 << place for place, grant in enumerate(self.grants) if _has_service(grant, packet)
            )
        return self._services[key]

    def matching(self, packet: Packet) -> int:
        """All grants that allow the packet."""
        if len(packet.dst) == 16 and packet.wire_protocol in EXTENSION_HEADERS:
            return 0
        return self.sources(packet.src) & self.destinations(packet.dst) & self.services(packet)

    def find(self, packet: Packet) -> Grant | None:
        """The first grant that allows the packet."""
        found = self.matching(packet)
        return self.grants[(found & -found).bit_length() - 1] if found else None


def _has_service(grant: Grant, packet: Packet) -> bool:
    return any(serves(service, packet) for service in grant.services)


def serves(service: Service, packet: Packet) -> bool:
    if service.protocol is None:
        return True
    if service.protocol == ICMPV6 and len(packet.dst) == 4:
        return False
    if on_wire(service.protocol, packet.dst) != packet.wire_protocol:
        return False
    return service.first <= packet.port <= service.last


class _SideTable:
    """For one side of all grants: address to the grants that have it, but for ``everything`` and ``internet``."""

    def __init__(self, network: Network, addresses: AddressBook, sides: Iterable[Side]) -> None:
        self.everything = self.internet = 0
        # Many grants have the same side: its members are gone through once.
        alike: dict[Side, int] = {}
        for place, side in enumerate(sides):
            alike[side] = alike.get(side, 0) | 1 << place
        names: dict[str, int] = {}
        prefixes: dict[Prefix, int] = {}
        for side, grants in alike.items():
            self.everything |= grants if side.everything else 0
            self.internet |= grants if side.internet else 0
            for name in side.members:
                names[name] = names.get(name, 0) | grants
            for prefix in side.prefixes:
                prefixes[prefix] = prefixes.get(prefix, 0) | grants
        self._by_address = _by_address(network, addresses, names)
        self._prefixes = PrefixTable(prefixes.items())

    def find(self, packed: bytes) -> int:
        found = self._by_address.get(packed, 0)
        for _prefix, grants in self._prefixes.matches(packed):
            found |= grants
        return found


def _by_address(network: Network, addresses: AddressBook, names: Mapping[str, int]) -> dict[bytes, int]:
    found: dict[bytes, int] = {}
    for name, grants in names.items():
        for packed in addresses.of(network, name):
            found[packed] = found.get(packed, 0) | grants
    return found
