# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of a host's network state that one WireGuard interface concerns, as values that compare."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Union

from .dns import NO_DNS, Dns
from .interface import RunningDevice
from .own_table import NO_TABLE, OwnTable
from .prefix import Details, InterfaceAddress, Prefix

MAIN_TABLE = 254
ETHERNET_MTU = 1500
FOREVER = 0xFFFFFFFF

# rtnetlink(7): rtm_type, and our mark of ownership as rtm_protocol; no daemon in iproute2's rt_protos has it.
UNICAST = 1
ROUTE_PROTOCOL = 87
# Routes set by hand, by wg-quick (boot), as static, or by us. Routing daemons and the kernel look after their own.
_OWNED_PROTOCOLS = frozenset({3, 4, ROUTE_PROTOCOL})
_FROM, _PREFERRED_SOURCE, _MULTIPATH = 2, 7, 9


class Lifetime(NamedTuple):
    """For how many seconds an address or a route is valid, and an address preferred, at the time of reading."""

    valid: int
    preferred: int = FOREVER


class Route(NamedTuple):
    """A route out of the interface; ``table`` is a routing table's number, ``metric`` 0 the family's usual one.

    ``kind`` is the type and ``protocol`` who has made it (rtnetlink(7)). ``details`` are empty for one as the engine
    makes it, with no gateway, preferred source or metrics.
    """

    prefix: Prefix
    table: int = MAIN_TABLE
    metric: int = 0
    kind: int = UNICAST
    tos: int = 0
    protocol: int = ROUTE_PROTOCOL
    details: Details = ()

    def __str__(self) -> str:
        words = [str(self.prefix)] if self.kind == UNICAST else [f"type {self.kind} {self.prefix}"]
        words += [f"tos {self.tos:#x}"] if self.tos else []
        words += [f"table {self.table}"] if self.table != MAIN_TABLE else []
        words += [f"metric {self.metric}"] if self.metric else []
        return " ".join(words)

    @property
    def is_owned(self) -> bool:
        """Whether it is the interface's own: set by hand, by wg-quick or by us, and leading nowhere else."""
        return self.protocol in _OWNED_PROTOCOLS and self.kind == UNICAST and not self.is_multipath

    @property
    def is_multipath(self) -> bool:
        """Whether it has several nexthops, of which some may be other links."""
        return any(number == _MULTIPATH for number, _value in self.details)

    @property
    def source(self) -> bytes:
        """The address that is preferred as the source of packets, packed; empty where there is none."""
        return next((value for number, value in self.details if number == _PREFERRED_SOURCE), b"")

    @property
    def slot(self) -> tuple[object, ...]:
        """What the kernel finds it by: two routes of one slot are one too many, unless they are made on purpose."""
        sources = [value for number, value in self.details if number == _FROM]
        return self.prefix, self.table, self.metric, self.tos, *sources

    def without_source(self) -> Route:
        return self._replace(details=tuple(detail for detail in self.details if detail[0] != _PREFERRED_SOURCE))


class Rule(NamedTuple):
    """A policy rule of a full tunnel: ``not fwmark N lookup N``, or with fwmark 0 the one before it,
    ``lookup main suppress_prefixlength 0``. ``details`` are empty for one as the engine makes it."""

    family: int
    priority: int
    fwmark: int = 0
    details: Details = ()

    def __str__(self) -> str:
        what = (
            f"not fwmark {self.fwmark:#x} lookup {self.fwmark}"
            if self.fwmark
            else "lookup main suppress_prefixlength 0"
        )
        return f"{self.priority}: {what}"


Mortal = Union[InterfaceAddress, Route]


@dataclass(frozen=True)
class RunningState:
    """What is. ``exists`` is False where there is no such interface; the fields after it are then empty.

    ``routes`` are those that the interface owns, ``other_routes`` those that routing daemons and others have by it,
    which go with it and are put back with it; the kernel looks after its own. ``lifetimes`` are those of addresses and
    routes that end.
    ``rules`` are all full-tunnel rules of the host, and ``priorities`` those of all its rules by family. ``netfilter``
    has, by family, the rules of the interface's own table as ``CHAIN EXPRESSION``, or the JSON of a table that others
    have changed. ``own_table`` is the one of the option ``nftables``. ``dns`` is empty, too, where it
    was not read; it may outlive the interface. All of that is so in the network namespace ``netns``, empty for the
    host's own. ``sockets_elsewhere``: the UDP sockets of the interface are not in the namespace where they should be.
    ``unconnected``: networks of addresses to which the kernel's own route is gone, as ``ip route flush`` has it.
    """

    interface: str
    exists: bool = False
    device: RunningDevice = field(default_factory=lambda: RunningDevice(""))
    up: bool = False
    mtu: int = 0
    addresses: tuple[InterfaceAddress, ...] = ()
    routes: frozenset[Route] = frozenset()
    other_routes: frozenset[Route] = frozenset()
    rules: frozenset[Rule] = frozenset()
    priorities: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    netfilter: Mapping[int, frozenset[str]] = field(default_factory=dict)
    src_valid_mark: bool = False
    alias: str = ""
    dns: Dns = NO_DNS
    netns: str = ""
    own_table: OwnTable = NO_TABLE
    sockets_elsewhere: bool = False
    unconnected: frozenset[Prefix] = field(default=frozenset(), compare=False)
    lifetimes: Mapping[Mortal, Lifetime] = field(default_factory=dict, compare=False)


def fresh_state(interface: str, netns: str = "") -> RunningState:
    """A host or namespace as it is new: without the interface, and with no rules but the kernel's own."""
    priorities = {int(socket.AF_INET): (0, 32766, 32767), int(socket.AF_INET6): (0, 32766)}
    return RunningState(interface, priorities=priorities, netns=netns)
