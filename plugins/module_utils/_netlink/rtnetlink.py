# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read links, addresses, routes and rules, and change all but links (rtnetlink(7), linux/rtnetlink.h).

This does not use pyroute2. Every run reads and most write nothing: loading pyroute2 takes longer than the rest of such
a run, and it decodes a hub's 20,000 routes one field at a time. It also cannot restore attributes of addresses, routes
and rules that it does not know.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from .._model.prefix import InterfaceAddress
from .._model.state import Lifetime, Route, Rule
from .attributes import decode_attributes, encode_attribute
from .entries import encode_address, encode_route, encode_rule
from .errors import KernelError
from .netlink import NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE, Netlink

_NETLINK_ROUTE = 0
_RTM_GETLINK, _RTM_GETADDR, _RTM_GETROUTE, _RTM_GETRULE = 18, 22, 26, 34
_RTM_NEWADDR, _RTM_NEWROUTE, _RTM_NEWRULE = 20, 24, 32
_DELETE = 1  # from RTM_NEW to RTM_DEL

_LINK = struct.Struct("=BxHiII")  # struct ifinfomsg: family, type, index, flags, change
_IFLA_IFNAME, _IFLA_MTU, _IFLA_LINKINFO, _IFLA_IFALIAS, _IFLA_INFO_KIND = 3, 4, 18, 20, 1
_ADDRESS = struct.Struct("=BBBBI")  # struct ifaddrmsg: family, length, flags, scope, index
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
# struct rtmsg: family, length of destination, of source, TOS, table, protocol, scope, type, flags; struct fib_rule_hdr
# has the same size.
_ROUTE = struct.Struct("=BBBBBBBBI")
_RTA_DST, _RTA_OIF, _RTA_METRICS, _RTA_TABLE, _RTA_MARK, _RTAX_MTU = 1, 4, 8, 15, 16, 2
_U32 = struct.Struct("=I")
_IFF_UP = 1
_NOT_FOUND = frozenset({errno.ENOENT, errno.ENODEV, errno.ESRCH})


class KernelLink(NamedTuple):
    """``kind``: the type of a virtual link, such as ``wireguard``; ``physical`` for others."""

    ifindex: int
    name: str
    kind: str
    up: bool
    mtu: int
    alias: str


class KernelAddress(NamedTuple):
    """A packed address with its prefix length, and the index of the link that has it."""

    packed: bytes
    length: int
    ifindex: int


class KernelRoute(NamedTuple):
    """``packed`` and ``length``: the destination. ``kind``: rtm_type. ``mtu``: 0 if the route has none of its own."""

    packed: bytes
    length: int
    table: int
    protocol: int
    kind: int
    oif: int
    mtu: int


class RouteNetlink(Netlink):
    """One rtnetlink socket. Every method raises KernelError."""

    def __init__(self) -> None:
        super().__init__(_NETLINK_ROUTE)

    def link(self, name: str) -> KernelLink | None:
        """Return the link with this name, or None."""
        return self._link(_LINK.pack(0, 0, 0, 0, 0) + encode_attribute(_IFLA_IFNAME, name.encode() + b"\0"), name)

    def link_of(self, index: int) -> KernelLink | None:
        """Return the link with this index, or None."""
        return self._link(_LINK.pack(0, 0, index, 0, 0), str(index))

    def links(self) -> list[KernelLink]:
        return [_decode_link(data) for data in self.dump(_RTM_GETLINK, _LINK.pack(0, 0, 0, 0, 0), "read links")]

    def addresses(self, index: int = 0) -> list[KernelAddress]:
        """Return the addresses of the link with this index, or of all links for 0."""
        found = []
        for data in self.address_messages(index):
            _family, length, _flags, _scope, owner = _ADDRESS.unpack_from(data)
            values = _attributes(data, _ADDRESS.size)
            if index in (0, owner):
                found.append(KernelAddress(values.get(_IFA_LOCAL) or values[_IFA_ADDRESS], length, owner))
        return found

    def address_messages(self, index: int) -> list[bytes]:
        return self.dump(_RTM_GETADDR, _ADDRESS.pack(0, 0, 0, 0, index), "read addresses")

    def routes(self, family: int, oif: int = 0, table: int = 0) -> Iterator[KernelRoute]:
        """Return the routes of one family, of one outgoing link and one table if these are given."""
        return map(_decode_route, self.route_messages(family, oif, table))

    def route_messages(self, family: int, oif: int = 0, table: int = 0) -> list[bytes]:
        payload = _ROUTE.pack(family, 0, 0, 0, 0, 0, 0, 0, 0)
        payload += encode_attribute(_RTA_OIF, _U32.pack(oif)) if oif else b""
        payload += encode_attribute(_RTA_TABLE, _U32.pack(table)) if table else b""
        try:
            return self.dump(_RTM_GETROUTE, payload, "read routes")
        except KernelError as error:
            if error.errno not in _NOT_FOUND:  # there is no such table
                raise
            return []

    def route_to(self, host: str, mark: int = 0) -> KernelRoute | None:
        """Return the route to a literal address, or None if there is none. ``mark``: of the socket that sends."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        packed = socket.inet_pton(family, host)
        payload = _ROUTE.pack(family, len(packed) * 8, 0, 0, 0, 0, 0, 0, 0) + encode_attribute(_RTA_DST, packed)
        payload += encode_attribute(_RTA_MARK, _U32.pack(mark)) if mark else b""
        try:
            return _decode_route(self.request(_RTM_GETROUTE, payload, f"find the route to {host}")[0])
        except KernelError:
            return None

    def rule_messages(self, family: int) -> list[bytes]:
        return self.dump(_RTM_GETRULE, _ROUTE.pack(family, 0, 0, 0, 0, 0, 0, 0, 0), "read rules")

    def add_address(self, index: int, address: InterfaceAddress, lifetime: Lifetime | None = None) -> None:
        message = encode_address(address, index, lifetime)
        self.request(_RTM_NEWADDR, message, f"add address {address}", NLM_F_CREATE | NLM_F_EXCL)

    def remove_address(self, index: int, address: InterfaceAddress) -> None:
        self.request(_RTM_NEWADDR + _DELETE, encode_address(address, index), f"remove address {address}")

    def add_route(self, index: int, route: Route, lifetime: Lifetime | None = None) -> None:
        """Add a route.

        One with details is appended: a restored route may be the second of its kind. An IPv6 route with several
        nexthops is replaced: its nexthops through other links still exist.
        """
        how = NLM_F_APPEND if route.details else NLM_F_EXCL
        if route.is_multipath and route.prefix.family == socket.AF_INET6:
            how = NLM_F_REPLACE
        self.request(_RTM_NEWROUTE, encode_route(route, index, lifetime), f"add route {route}", NLM_F_CREATE | how)

    def remove_route(self, index: int, route: Route) -> None:
        self.request(_RTM_NEWROUTE + _DELETE, encode_route(route, index), f"remove route {route}")

    def add_rule(self, rule: Rule) -> None:
        self.request(_RTM_NEWRULE, encode_rule(rule), f"add rule {rule}", NLM_F_CREATE | NLM_F_EXCL)

    def remove_rule(self, rule: Rule) -> None:
        self.request(_RTM_NEWRULE + _DELETE, encode_rule(rule), f"remove rule {rule}")

    def _link(self, payload: bytes, name: str) -> KernelLink | None:
        try:
            return _decode_link(self.request(_RTM_GETLINK, payload, f"read link {name}")[0])
        except KernelError as error:
            if error.errno in _NOT_FOUND:
                return None
            raise


def families() -> tuple[int, ...]:
    """Return the address families that this host has."""
    ipv6 = Path("/proc/net/if_inet6").exists()
    return (int(socket.AF_INET), int(socket.AF_INET6)) if ipv6 else (int(socket.AF_INET),)


def _attributes(data: bytes, start: int) -> dict[int, bytes]:
    return {kind: data[first:last] for kind, first, last in decode_attributes(data, start, len(data))}


def _number(value: bytes | None) -> int:
    return int(_U32.unpack(value)[0]) if value else 0


def _text(value: bytes | None) -> str:
    return (value or b"").rstrip(b"\0").decode("utf-8", "surrogateescape")


def _decode_link(data: bytes) -> KernelLink:
    _family, _type, index, flags, _change = _LINK.unpack_from(data)
    values = _attributes(data, _LINK.size)
    kind = _attributes(values.get(_IFLA_LINKINFO, b""), 0).get(_IFLA_INFO_KIND, b"physical")
    return KernelLink(
        index,
        _text(values.get(_IFLA_IFNAME)),
        kind.rstrip(b"\0").decode(),
        bool(flags & _IFF_UP),
        _number(values.get(_IFLA_MTU)),
        _text(values.get(_IFLA_IFALIAS)),
    )


def _decode_route(data: bytes) -> KernelRoute:
    family, length, _source, _tos, table, protocol, _scope, kind, _flags = _ROUTE.unpack_from(data)
    values = _attributes(data, _ROUTE.size)
    return KernelRoute(
        values.get(_RTA_DST) or bytes(4 if family == socket.AF_INET else 16),
        length,
        _number(values.get(_RTA_TABLE)) or table,
        protocol,
        kind,
        _number(values.get(_RTA_OIF)),
        _number(_attributes(values.get(_RTA_METRICS, b""), 0).get(_RTAX_MTU)),
    )
