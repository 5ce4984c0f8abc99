# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of a host's network state that one WireGuard interface concerns, as values that compare."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from .interface import RunningDevice
from .prefix import InterfaceAddress, Prefix

MAIN_TABLE = 254
ETHERNET_MTU = 1500
# The kernel has no IPv6 on a link with a smaller one (RFC 8200, section 5).
IPV6_MIN_MTU = 1280


class Route(NamedTuple):
    """A unicast route out of the interface; ``table`` is a routing table's number."""

    prefix: Prefix
    table: int = MAIN_TABLE

    def __str__(self) -> str:
        return str(self.prefix) if self.table == MAIN_TABLE else f"{self.prefix} table {self.table}"


class Rule(NamedTuple):
    """A policy rule of a full tunnel: ``not fwmark N lookup N``, or with fwmark 0 the one before it,
    ``lookup main suppress_prefixlength 0``."""

    family: int
    priority: int
    fwmark: int = 0

    def __str__(self) -> str:
        what = (
            f"not fwmark {self.fwmark:#x} lookup {self.fwmark}"
            if self.fwmark
            else "lookup main suppress_prefixlength 0"
        )
        return f"{self.priority}: {what}"


@dataclass(frozen=True)
class RunningState:
    """What is. ``exists`` is False where there is no such interface; the fields after it are then empty.

    ``routes`` are those that the interface owns (the kernel's own and routing daemons' are not among them).
    ``rules`` are all full-tunnel rules of the host, ``priorities`` those of all its rules by family, and
    ``tables`` the routing tables that hold a route. ``netfilter`` has, by family, the rules of the interface's
    own table as ``CHAIN EXPRESSION``.
    """

    interface: str
    exists: bool = False
    device: RunningDevice = field(default_factory=lambda: RunningDevice(""))
    up: bool = False
    mtu: int = 0
    addresses: tuple[InterfaceAddress, ...] = ()
    routes: frozenset[Route] = frozenset()
    rules: frozenset[Rule] = frozenset()
    priorities: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    tables: frozenset[int] = frozenset()
    netfilter: Mapping[int, frozenset[str]] = field(default_factory=dict)
    src_valid_mark: bool = False
