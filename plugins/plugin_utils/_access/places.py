# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The addresses that the sources and destinations of tests stand for, and whether all or any of them get through."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from .._inventory.nouns import Network
from .._inventory.policy import Side
from .grants import Packet
from .lookup import PrefixTable
from .machines import Machine
from .reach import Answer, Reach


class Source(NamedTuple):
    machine: Machine
    packed: bytes


class Result(NamedTuple):
    """What becomes of a packet between one pair of addresses."""

    packet: Packet
    answer: Answer


class Places:
    """Looks up names and addresses in planned networks."""

    def __init__(self, reach: Reach) -> None:
        self.reach = reach
        self._internet: dict[int, bytes] = {}

    def sources(self, network: Network, side: Side) -> list[Source]:
        """Members by their own addresses, and addresses at or behind a member. Others are left out."""
        found = []
        for name in sorted(side.members):
            machine = self.reach.machines.named(network.name, name)
            if machine:
                found += [Source(machine, packed) for packed in self.reach.addresses.of(network, name)]
        for prefix in side.prefixes:
            machine = self.reach.machines.at(network, prefix.packed)
            if machine:
                found.append(Source(machine, prefix.packed))
        return found

    def destinations(self, network: Network, side: Side) -> list[bytes]:
        """The same for destinations, which may be outside."""
        found = [packed for name in sorted(side.members) for packed in self.reach.addresses.of(network, name)]
        found += [prefix.packed for prefix in side.prefixes]
        return found + ([self.internet(4), self.internet(16)] if side.internet else [])

    def ask(
        self,
        sources: Iterable[Source],
        destinations: Iterable[bytes],
        protocol: int,
        port: int,
        any_client: bool = False,
    ) -> Iterator[Result]:
        """Each pair of the same family."""
        targets = list(destinations)
        for machine, src in sources:
            for dst in targets:
                if len(src) == len(dst):
                    packet = Packet(src, dst, protocol, port)
                    yield Result(packet, self.reach.find(machine, packet, any_client))

    def internet(self, size: int) -> bytes:
        """One address stands for the Internet: it has the same way as any other that nothing mentions."""
        if size not in self._internet:
            self._internet[size] = self._find_internet(size)
        return self._internet[size]

    def _find_internet(self, size: int) -> bytes:
        mentioned = PrefixTable(
            (prefix, None)
            for network in self.reach.addresses.networks
            for member in network.members
            for prefix in (*member.excluded, *member.routes)
            if prefix.length
        )
        candidates = list(_internet4() if size == 4 else _internet6())
        free = [each for each in candidates if self.reach.addresses.is_internet(each)] or candidates
        return next((each for each in free if not mentioned.has(each)), free[0])


def _internet4() -> Iterator[bytes]:
    """Addresses for documentation, then one in each /8."""
    yield from (bytes((203, 0, 113, 1)), bytes((198, 51, 100, 1)), bytes((192, 0, 2, 1)))
    yield from (bytes((number, 1, 1, 1)) for number in range(1, 224))


def _internet6() -> Iterator[bytes]:
    """The same, then one in each /16."""
    yield socket.inet_pton(socket.AF_INET6, "2001:db8:ffff::1")
    yield from (bytes((number >> 8, number & 255)) + bytes(13) + b"\1" for number in range(0x2001, 0x4000))
