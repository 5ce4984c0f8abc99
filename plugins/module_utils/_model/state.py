# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of a host's network state that one WireGuard interface concerns, as values that compare."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from .dns import NO_DNS, Dns
from .interface import RunningDevice
from .prefix import InterfaceAddress, Prefix

MAIN_TABLE = 254
ETHERNET_MTU = 1500


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
    ``rules`` are all full-tunnel rules of the host, and ``priorities`` those of all its rules by family. ``netfilter``
    has, by family, the rules of the interface's own table as ``CHAIN EXPRESSION``, or the JSON of a table that others
    have changed. ``dns`` is empty, too, where nobody
    had it read; it may outlive the interface. All of that is so in the network namespace ``netns``, empty for the
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
    rules: frozenset[Rule] = frozenset()
    priorities: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    netfilter: Mapping[int, frozenset[str]] = field(default_factory=dict)
    src_valid_mark: bool = False
    alias: str = ""
    dns: Dns = NO_DNS
    netns: str = ""
    sockets_elsewhere: bool = False
    unconnected: frozenset[Prefix] = field(default=frozenset(), compare=False)


def fresh_state(interface: str, netns: str = "") -> RunningState:
    """A host or namespace as it is new: without the interface, and with no rules but the kernel's own."""
    priorities = {int(socket.AF_INET): (0, 32766, 32767), int(socket.AF_INET6): (0, 32766)}
    return RunningState(interface, priorities=priorities, netns=netns)
