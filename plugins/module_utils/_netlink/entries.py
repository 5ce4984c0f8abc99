# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Convert rtnetlink messages of addresses, routes and rules to the model, with all their attributes, and back.

Values that the kernel derives, counts or changes by itself are left out (include/uapi/linux/if_addr.h, rtnetlink.h,
fib_rules.h). So is the index of the link, which changes when the link is created again.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from .._model.prefix import Details, InterfaceAddress, Prefix
from .._model.state import FOREVER, MAIN_TABLE, Lifetime, Route, Rule
from .attributes import NLA_HEADER, decode_attributes, encode_attribute

_U32 = struct.Struct("=I")
_HEADER = 0  # the number of the detail with the values of the message's header

# struct ifaddrmsg: family, length, flags, scope, index. struct ifa_cacheinfo: preferred, valid, two times.
_ADDRESS = struct.Struct("=BBBBI")
_ADDRESS_TIMES = struct.Struct("=IIII")
_IFA_ADDRESS, _IFA_LOCAL, _IFA_LABEL, _IFA_CACHEINFO, _IFA_FLAGS = 1, 2, 3, 6, 8
_IFA_F_SECONDARY, _IFA_F_DEPRECATED, _IFA_F_PERMANENT = 0x1, 0x20, 0x80
# NODAD, HOMEADDRESS, MANAGETEMPADDR, NOPREFIXROUTE, MCAUTOJOIN: flags that a program can request.
_ASKED_FLAGS = 0x2 | 0x10 | 0x100 | 0x200 | 0x400
_ADDRESS_HEADER = struct.Struct(">BIB")  # secondary (first, so that these sort last), flags, scope
_PLAIN_ADDRESS = ((_HEADER, _ADDRESS_HEADER.pack(0, _IFA_F_PERMANENT, 0)),)

# struct rtmsg: family, length of destination, of source, TOS, table, protocol, scope, type, flags. struct rtnexthop:
# length, flags, hops, index.
_ROUTE = struct.Struct("=BBBBBBBBI")
_NEXTHOP = struct.Struct("=HBBi")
_RTA_DST, _RTA_OIF, _RTA_PRIORITY, _RTA_MULTIPATH, _RTA_CACHEINFO, _RTA_TABLE = 1, 4, 6, 9, 12, 15
_RTA_PREF, _RTA_EXPIRES, _RTA_NH_ID = 20, 23, 30
# A nexthop object is removed with the link. The kernel also reports its content, which is restored instead.
_DERIVED = frozenset({_RTA_DST, _RTA_OIF, _RTA_PRIORITY, _RTA_CACHEINFO, _RTA_TABLE, _RTA_NH_ID})
_RTNH_F_ASKED = 0x2 | 0x4  # pervasive, onlink
_RTM_F_CLONED = 0x200
_ROUTE_HEADER = struct.Struct("=BBI")  # length of source, scope, flags
_SCOPE_LINK, _SCOPE_GLOBAL = 253, 0
_PLAIN_ROUTE = {
    family: ((_HEADER, _ROUTE_HEADER.pack(0, scope, 0)),)
    for family, scope in ((int(socket.AF_INET), _SCOPE_LINK), (int(socket.AF_INET6), _SCOPE_GLOBAL))
}
_IPV6_METRIC = 1024  # IP6_RT_PRIO_USER: the kernel's default metric
_TABLE_COMPAT = 252  # RT_TABLE_COMPAT: the number is in the attribute
_CLOCK = os.sysconf("SC_CLK_TCK")  # ticks per second of rta_expires

# struct fib_rule_hdr: family, length of destination, of source, TOS, table, two unused, action, flags.
_FRA_PRIORITY, _FRA_FWMARK, _FRA_SUPPRESS_PREFIXLEN, _FRA_TABLE, _FRA_FWMASK, _FRA_PROTOCOL = 6, 10, 14, 15, 16, 21
_FIB_RULE_INVERT, _FIB_RULE_FIND_SADDR = 0x2, 0x10000
_TO_TABLE = 1
_RULE_HEADER = struct.Struct("=BBBBI")  # lengths of destination and source, TOS, action, flags
_NOTHING_SUPPRESSED = b"\xff" * 4


class FoundAddress(NamedTuple):
    """``lifetime``: None if the address does not expire. ``is_temporary``: the kernel derived it from another one."""

    address: InterfaceAddress
    ifindex: int
    lifetime: Lifetime | None
    is_temporary: bool


class FoundRoute(NamedTuple):
    """``indices``: those of all links that the route uses."""

    route: Route
    indices: tuple[int, ...]
    lifetime: Lifetime | None
    is_cached: bool


def _attributes(data: bytes, start: int) -> dict[int, bytes]:
    return {kind: data[first:last] for kind, first, last in decode_attributes(data, start, len(data))}


def _number(value: bytes | None) -> int:
    return int(_U32.unpack(value)[0]) if value else 0


def _encode(attributes: Mapping[int, bytes]) -> bytes:
    return b"".join(encode_attribute(kind, value) for kind, value in attributes.items())


def decode_address(data: bytes, interface: str) -> FoundAddress:
    """Decode an address. A label that is the name of the interface is left out."""
    family, length, _flags, scope, index = _ADDRESS.unpack_from(data)
    values = _attributes(data, _ADDRESS.size)
    peer = values.pop(_IFA_ADDRESS, b"")
    packed = values.pop(_IFA_LOCAL, peer)
    flags = _number(values.pop(_IFA_FLAGS, None)) or _flags
    preferred, valid, *_times = _ADDRESS_TIMES.unpack(values.pop(_IFA_CACHEINFO, _U32.pack(FOREVER) * 2 + bytes(8)))
    if values.get(_IFA_LABEL, b"").rstrip(b"\0") == interface.encode():
        del values[_IFA_LABEL]
    if peer not in (b"", packed):
        values[_IFA_ADDRESS] = peer
    is_ipv4 = family == socket.AF_INET
    kept = flags & (_ASKED_FLAGS | _IFA_F_PERMANENT)
    # An address with a lifetime becomes deprecated by itself.
    kept |= flags & _IFA_F_DEPRECATED if flags & _IFA_F_PERMANENT else 0
    # The scope of an IPv6 address follows from the address.
    header = _ADDRESS_HEADER.pack(is_ipv4 and flags & _IFA_F_SECONDARY, kept, scope if is_ipv4 else 0)
    details: Details = ((_HEADER, header), *sorted(values.items()))
    lifetime = None if preferred == valid == FOREVER else Lifetime(valid, preferred)
    address = InterfaceAddress(packed, length, () if details == _PLAIN_ADDRESS else details)
    return FoundAddress(address, index, lifetime, bool(not is_ipv4 and flags & _IFA_F_SECONDARY))


def encode_address(address: InterfaceAddress, index: int, lifetime: Lifetime | None = None) -> bytes:
    """Encode the message that adds or removes the address."""
    values = dict(address.details or _PLAIN_ADDRESS)
    _secondary, flags, scope = _ADDRESS_HEADER.unpack(values.pop(_HEADER))
    values = {_IFA_LOCAL: address.packed, _IFA_ADDRESS: address.packed, **values}
    if flags & ~_IFA_F_PERMANENT:
        values[_IFA_FLAGS] = _U32.pack(flags)
    if lifetime:
        values[_IFA_CACHEINFO] = _ADDRESS_TIMES.pack(lifetime.preferred, lifetime.valid, 0, 0)
    return _ADDRESS.pack(address.family, address.length, flags & 0xFF, scope, index) + _encode(values)


def decode_route(data: bytes, index: int) -> FoundRoute:
    """Decode a route through the link with this index. The model has no index, or 0 among several nexthops."""
    family, length, source, tos, table, protocol, scope, kind, flags = _ROUTE.unpack_from(data)
    values = _attributes(data, _ROUTE.size)
    indices: tuple[int, ...] = (_number(values.get(_RTA_OIF)),)
    if _RTA_MULTIPATH in values:
        ways = list(_nexthops(values[_RTA_MULTIPATH]))
        indices = tuple(way for _flags, _hops, way, _rest in ways)
        values[_RTA_MULTIPATH] = _encode_nexthops(ways, {index: 0})
    metric = _number(values.get(_RTA_PRIORITY))
    if family == socket.AF_INET6:
        metric = 0 if metric == _IPV6_METRIC else metric
        if values.get(_RTA_PREF) == b"\0":
            del values[_RTA_PREF]
    # rta_expires, the third field of struct rta_cacheinfo.
    left = struct.unpack_from("=i", values.get(_RTA_CACHEINFO, bytes(12)), 8)[0]
    if left:
        values[_RTA_EXPIRES] = b""
    header = _ROUTE_HEADER.pack(source, scope, flags & _RTNH_F_ASKED)
    details: Details = ((_HEADER, header), *sorted(item for item in values.items() if item[0] not in _DERIVED))
    route = Route(
        Prefix(values.get(_RTA_DST) or bytes(4 if family == socket.AF_INET else 16), length),
        _number(values.get(_RTA_TABLE)) or table,
        metric,
        kind,
        tos,
        protocol,
        () if details == _PLAIN_ROUTE.get(family) else details,
    )
    return FoundRoute(route, indices, Lifetime(max(left // _CLOCK, 1)) if left else None, bool(flags & _RTM_F_CLONED))


def encode_route(route: Route, index: int, lifetime: Lifetime | None = None) -> bytes:
    """Encode the message that adds or removes the route through the link with this index."""
    family = route.prefix.family
    values = dict(route.details or _PLAIN_ROUTE[family])
    source, scope, flags = _ROUTE_HEADER.unpack(values.pop(_HEADER))
    if values.pop(_RTA_EXPIRES, None) is not None and lifetime:
        values[_RTA_EXPIRES] = _U32.pack(lifetime.valid)
    if _RTA_MULTIPATH in values:
        values[_RTA_MULTIPATH] = _encode_nexthops(_nexthops(values[_RTA_MULTIPATH]), {0: index})
    else:
        values[_RTA_OIF] = _U32.pack(index)
    if route.prefix.length:
        values[_RTA_DST] = route.prefix.packed
    # Without it, a removal would delete the first route to the prefix, whatever its metric.
    metric = route.metric or (_IPV6_METRIC if family == socket.AF_INET6 else 0)
    if metric:
        values[_RTA_PRIORITY] = _U32.pack(metric)
    values[_RTA_TABLE] = _U32.pack(route.table)
    table = route.table if route.table < 256 else _TABLE_COMPAT
    length, tos, protocol, kind = route.prefix.length, route.tos, route.protocol, route.kind
    return _ROUTE.pack(family, length, source, tos, table, protocol, scope, kind, flags) + _encode(values)


_Nexthop = tuple[int, int, int, bytes]  # flags, hops, index, attributes


def _nexthops(data: bytes) -> Iterator[_Nexthop]:
    start = 0
    while start + _NEXTHOP.size <= len(data):
        size, flags, hops, index = _NEXTHOP.unpack_from(data, start)
        if size < _NEXTHOP.size:
            raise ValueError(f"torn nexthop at byte {start}")
        yield flags & _RTNH_F_ASKED, hops, index, data[start + _NEXTHOP.size : start + size]
        start += (size + NLA_HEADER.size - 1) // NLA_HEADER.size * NLA_HEADER.size


def _encode_nexthops(ways: Iterable[_Nexthop], indices: Mapping[int, int]) -> bytes:
    return b"".join(
        _NEXTHOP.pack(_NEXTHOP.size + len(rest), flags, hops, indices.get(index, index)) + rest
        for flags, hops, index, rest in ways
    )


def decode_rule(data: bytes) -> tuple[int, Rule | None]:
    """Decode a rule. Return its priority, and the rule if it belongs to a full tunnel, else None."""
    family, destination, source, tos, table, _unused, _scope, action, flags = _ROUTE.unpack_from(data)
    values = _attributes(data, _ROUTE.size)
    priority = _number(values.pop(_FRA_PRIORITY, None))
    table = _number(values.pop(_FRA_TABLE, None)) or table
    fwmark = _number(values.pop(_FRA_FWMARK, None))
    suppressed = values.get(_FRA_SUPPRESS_PREFIXLEN, _NOTHING_SUPPRESSED)
    if not (
        (table == fwmark and flags & _FIB_RULE_INVERT) if fwmark else (table == MAIN_TABLE and suppressed == bytes(4))
    ):
        return priority, None
    usual = {
        _FRA_SUPPRESS_PREFIXLEN: _NOTHING_SUPPRESSED if fwmark else bytes(4),
        _FRA_FWMASK: b"\xff" * 4,
        _FRA_PROTOCOL: b"\0",
    }
    header = _RULE_HEADER.pack(destination, source, tos, action, flags & (_FIB_RULE_INVERT | _FIB_RULE_FIND_SADDR))
    unusual = sorted(item for item in values.items() if usual.get(item[0]) != item[1])
    details: Details = ((_HEADER, header), *unusual)
    return priority, Rule(family, priority, fwmark, () if details == _plain_rule(fwmark) else details)


def encode_rule(rule: Rule) -> bytes:
    """Encode the message that adds or removes the rule."""
    values = dict(rule.details or _plain_rule(rule.fwmark))
    destination, source, tos, action, flags = _RULE_HEADER.unpack(values.pop(_HEADER))
    values[_FRA_PRIORITY] = _U32.pack(rule.priority)
    values[_FRA_TABLE] = _U32.pack(rule.fwmark or MAIN_TABLE)
    if rule.fwmark:
        values[_FRA_FWMARK] = _U32.pack(rule.fwmark)
    else:
        values[_FRA_SUPPRESS_PREFIXLEN] = bytes(4)
    table = MAIN_TABLE if not rule.fwmark else 0
    return _ROUTE.pack(rule.family, destination, source, tos, table, 0, 0, action, flags) + _encode(values)


def _plain_rule(fwmark: int) -> Details:
    return ((_HEADER, _RULE_HEADER.pack(0, 0, 0, _TO_TABLE, _FIB_RULE_INVERT if fwmark else 0)),)
