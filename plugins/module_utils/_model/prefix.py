# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IP prefixes and interface addresses as plain tuples of packed bytes.

``ipaddress`` costs ten microseconds an object, which is seconds for a hub of ten thousand peers;
a tuple compares and hashes in C, and the length of its bytes shows its family.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable
from typing import NamedTuple

from .errors import InputError

# What the kernel says of an address, a route or a rule beyond what is a field of its own: numbers and values of its
# attributes, and as number 0 what is in the header. It is only compared, kept, and sent back as it is.
Details = tuple[tuple[int, bytes], ...]

_LENGTH = re.compile(r"[0-9]{1,9}")
_PREFIX_REMEDY = "write an IPv4 or IPv6 prefix such as 10.0.0.0/24 or fd00::/64"
_ADDRESS_REMEDY = "write an address with its prefix length, such as 10.0.0.1/24 or fd00::1/64"


def family_of(packed: bytes) -> int:
    """AF_INET for 4 bytes, AF_INET6 for 16."""
    return socket.AF_INET if len(packed) == 4 else socket.AF_INET6


def format_ip(packed: bytes) -> str:
    """The canonical text of an address; IPv6 as RFC 5952 has it."""
    return socket.inet_ntop(family_of(packed), packed)


# By number of bytes: the mask of each prefix length, and each length by its usual spelling.
_MASKS = {size: [(1 << size * 8) - (1 << size * 8 - n) for n in range(size * 8 + 1)] for size in (4, 16)}
_LENGTHS = {size: {str(n): n for n in range(size * 8 + 1)} for size in (4, 16)}


def mask(packed: bytes, length: int) -> bytes:
    """The address with its host bits zeroed."""
    size = len(packed)
    if length == size * 8:
        return packed
    return (int.from_bytes(packed, "big") & _MASKS[size][length]).to_bytes(size, "big")


class Prefix(NamedTuple):
    """A network: ``packed`` has 4 or 16 bytes with the host bits zero, ``length`` counts its leading bits."""

    packed: bytes
    length: int

    def __str__(self) -> str:
        return f"{format_ip(self.packed)}/{self.length}"

    @property
    def family(self) -> int:
        return family_of(self.packed)

    def covers(self, other: tuple[bytes, int] | InterfaceAddress) -> bool:
        """Whether every address of ``other``, a prefix or an interface address, lies in this prefix."""
        packed, length = other[0], other[1]
        return len(packed) == len(self.packed) and length >= self.length and mask(packed, self.length) == self.packed

    def overlaps(self, other: Prefix) -> bool:
        return self.covers(other) or other.covers(self)


def sort_key(prefix: tuple[bytes, int] | InterfaceAddress) -> tuple[int, bytes, int]:
    """The order in which people read prefixes: IPv4 before IPv6, then by number, then the larger network first."""
    packed, length = prefix[0], prefix[1]
    return len(packed), packed, length


def sort_prefixes(prefixes: Iterable[Prefix]) -> list[Prefix]:
    """In the order of ``sort_key``."""
    ordered = sorted(prefixes)
    ipv4 = [prefix for prefix in ordered if len(prefix[0]) == 4]
    return ipv4 + [prefix for prefix in ordered if len(prefix[0]) != 4]


class InterfaceAddress(NamedTuple):
    """An address of an interface: host bits kept, ``length`` is that of the network it is on.

    ``details`` are empty for an address as it is when nothing else is asked for. Where several addresses are in one
    network, those of a secondary address sort behind those of the primary one.
    """

    packed: bytes
    length: int
    details: Details = ()

    def __str__(self) -> str:
        return f"{format_ip(self.packed)}/{self.length}"

    @property
    def family(self) -> int:
        return family_of(self.packed)

    @property
    def network(self) -> Prefix:
        return Prefix(mask(self.packed, self.length), self.length)

    @property
    def host(self) -> Prefix:
        """The address alone, as a /32 or /128."""
        return Prefix(self.packed, len(self.packed) * 8)


def check_host_address(address: InterfaceAddress, network: Prefix, option: str = "addresses") -> None:
    """Refuse what is in ``network``, but no address of a single host there. Raises InputError.

    Others in the network cannot send to its first and last IPv4 addresses. The first IPv6 one is that of all its
    routers (RFC 4291, section 2.6.1): a hub would answer in the place of the host. Networks of two addresses have none
    of these (RFC 3021 and 6164).
    """
    bits = len(address.packed) * 8
    if bits - network.length < 2 or not network.covers(address.host):
        return
    number, last = int.from_bytes(address.packed, "big"), (1 << bits - network.length) - 1
    first = "anycast address of the routers" if bits == 128 else "network address"
    what = {0: first, last: "broadcast address" if bits == 32 else ""}.get(number & last)
    if what:
        raise InputError(
            option, str(address), f"the {what} of {network}", "give the host another address of this network"
        )


def _split(text: str, option: str, remedy: str) -> tuple[bytes, int]:
    try:
        address, _slash, length_text = text.partition("/")
        packed = socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
        length = _LENGTHS[len(packed)].get(length_text)
    except (AttributeError, OSError, ValueError):
        return _split_unusual(text, option, remedy)
    return _split_unusual(text, option, remedy) if length is None else (packed, length)


def _split_unusual(text: object, option: str, remedy: str) -> tuple[bytes, int]:
    """White space around, leading zeros in the length, no length; and the refusals."""
    if not isinstance(text, str):
        raise InputError(option, text, "not a string", remedy)
    address, slash, length_text = text.strip().partition("/")
    try:
        packed = socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
    except (OSError, ValueError):
        raise InputError(option, text, "not an IP address", remedy) from None
    bits = len(packed) * 8
    if not slash:
        return packed, bits
    if not (_LENGTH.fullmatch(length_text) and int(length_text) <= bits):
        raise InputError(option, text, f"the prefix length is not a number from 0 to {bits}", remedy)
    return packed, int(length_text)


def parse_prefix(text: str, option: str = "allowed_ips") -> Prefix:
    """Text to a prefix. Host bits are zeroed and no length means /32 or /128, as the kernel has it."""
    packed, length = _split(text, option, _PREFIX_REMEDY)
    return Prefix(mask(packed, length), length)


def parse_interface_address(text: str, option: str = "addresses") -> InterfaceAddress:
    """Text to an interface address. No length means /32 or /128, as in wg-quick(8)."""
    return InterfaceAddress(*_split(text, option, _ADDRESS_REMEDY))
