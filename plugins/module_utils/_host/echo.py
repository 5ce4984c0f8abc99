# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ping several addresses at once, with packets of several sizes that must not be fragmented (ping(8), icmp(7)).

The program ping does one address and one size at a time, and busybox's does not know the last.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from itertools import islice
from typing import NamedTuple

from .._model.prefix import family_of

_ICMP = {int(socket.AF_INET): socket.IPPROTO_ICMP, int(socket.AF_INET6): socket.IPPROTO_ICMPV6}
_REQUEST = {int(socket.AF_INET): 8, int(socket.AF_INET6): 128}
_REPLY = {int(socket.AF_INET): 0, int(socket.AF_INET6): 129}
_HEADER = struct.Struct(">BBHHH")  # type, code, checksum, identifier, sequence number
_IP_BYTES = {int(socket.AF_INET): 20, int(socket.AF_INET6): 40}
# include/uapi/linux/in.h and in6.h: never fragment, and ignore what is known of the path.
_DONT_FRAGMENT = {
    int(socket.AF_INET): (socket.IPPROTO_IP, 10, 3),
    int(socket.AF_INET6): (socket.IPPROTO_IPV6, 23, 3),
}
_AGAIN_SECONDS = 1.0
_LARGE_TRIES = 3
# Of a hub with thousands of peers, so many are pinged at a time.
_AT_ONCE = 200
SMALL = 96
# What paths usually carry, less the 60 or 80 bytes of WireGuard; 1280 is the least for IPv6 (RFC 8200, section 5).
SIZES = (8920, 1440, 1420, 1412, 1400, 1392, 1380, 1360, 1340, 1320, 1300, 1280, 1240, 1200, 1120, 1000, 800, 576)


# An IP packet has no more bytes (RFC 791), but a WireGuard link can have an MTU of two billion.
_MOST_BYTES = 65535


def choose_sizes(mtu: int) -> list[int]:
    """The sizes to try on a link of this MTU, the largest first."""
    largest = min(mtu, _MOST_BYTES)
    return [largest, *(size for size in SIZES if size < largest)]


class _Wanted(NamedTuple):
    address: bytes
    size: int


class Echo:
    """Pings out of one interface. ``answered`` has the sizes in bytes, from the IP header on, that came back.

    Raises OSError where the process is not allowed to.
    """

    def __init__(self, interface: str, addresses: Iterable[bytes], mtu: int) -> None:
        self.answered: dict[bytes, set[int]] = {address: set() for address in addresses}
        self._sizes = {address: choose_sizes(mtu) for address in self.answered}
        self._wanted: list[_Wanted] = []
        self._numbers: dict[_Wanted, int] = {}
        self._tries = dict.fromkeys(self.answered, 0)
        self._due = dict.fromkeys(self.answered, 0.0)
        self._identifier = int.from_bytes(os.urandom(2), "big")
        self._sockets: dict[int, socket.socket] = {}
        try:
            for family in {family_of(address) for address in self.answered}:
                self._sockets[family] = _open_raw(family, interface)
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        for each in self._sockets.values():
            each.close()

    @property
    def sockets(self) -> Collection[socket.socket]:
        return self._sockets.values()

    @property
    def is_done(self) -> bool:
        """Whether each address has answered a packet as large as the link takes."""
        return all(self.largest(address) == self._sizes[address][0] for address in self.answered)

    def largest(self, address: bytes) -> int:
        return max(self.answered[address], default=0)

    def send(self, now: float) -> None:
        """Send what is not answered yet, to each address once a second: a small packet, then as large a one as the link
        takes, and only if that is lost, sizes in between. ``now`` is of a clock that only goes forward."""
        due = (address for address, time in self._due.items() if time <= now)
        for address in list(islice(due, _AT_ONCE)):
            self._due[address] = now + _AGAIN_SECONDS
            for size in self._next_sizes(address):
                self._send(_Wanted(address, size))

    def _next_sizes(self, address: bytes) -> Sequence[int]:
        if not self.answered[address]:
            return (SMALL,)
        missing = [size for size in self._sizes[address] if size > self.largest(address)]
        self._tries[address] += 1
        return missing[:1] if self._tries[address] == 1 else missing if self._tries[address] <= _LARGE_TRIES else ()

    def _send(self, wanted: _Wanted) -> None:
        number = self._numbers.setdefault(wanted, len(self._numbers)) & 0xFFFF
        if number == len(self._wanted):
            self._wanted.append(wanted)
        family = family_of(wanted.address)
        payload = bytes(wanted.size - _IP_BYTES[family] - _HEADER.size)
        header = _HEADER.pack(_REQUEST[family], 0, 0, self._identifier, number)
        if family == socket.AF_INET:  # the kernel does it for the other family
            header = _HEADER.pack(_REQUEST[family], 0, checksum(header + payload), self._identifier, number)
        # No route, no peer with this address, no address of the family to send from, or a chain that drops it.
        with suppress(OSError):
            self._sockets[family].sendto(header + payload, (socket.inet_ntop(family, wanted.address), 0))

    def read(self) -> None:
        """Take up the answers that have come so far."""
        for family, each in self._sockets.items():
            with suppress(BlockingIOError):
                while True:
                    self._take(family, *each.recvfrom(128))

    def _take(self, family: int, data: bytes, source: Sequence[object]) -> None:
        start = (data[0] & 15) * 4 if family == socket.AF_INET and data else 0
        if len(data) < start + _HEADER.size:
            return
        kind, _code, _sum, identifier, number = _HEADER.unpack_from(data, start)
        if kind != _REPLY[family] or identifier != self._identifier or number >= len(self._wanted):
            return
        wanted = self._wanted[number]
        if socket.inet_pton(family, str(source[0]).partition("%")[0]) == wanted.address:
            if not self.answered[wanted.address]:
                self._due[wanted.address] = 0.0
            self.answered[wanted.address].add(wanted.size)


def _open_raw(family: int, interface: str) -> socket.socket:
    found = socket.socket(family, socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, _ICMP[family])
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode() + b"\0")
        found.setsockopt(*_DONT_FRAGMENT[family])
    except OSError:
        found.close()
        raise
    return found


def checksum(data: bytes) -> int:
    """That of the Internet (RFC 1071)."""
    total = sum(struct.unpack(f">{len(data) // 2}H", data[: len(data) // 2 * 2]))
    total += data[-1] << 8 if len(data) % 2 else 0
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return int(~total & 0xFFFF)
