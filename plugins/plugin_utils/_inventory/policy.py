# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nouns of access rules: who may reach what in a network, as the operator wrote it, with all names looked up."""

from __future__ import annotations

from typing import NamedTuple

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import Prefix

# IANA, Assigned Internet Protocol Numbers.
ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58
LAST_PORT = 65535


class Service(NamedTuple):
    """A protocol with a range of destination ports, both included. ``protocol`` None stands for all protocols.

    ``ICMP`` is that of both families: ICMPv6 in IPv6.
    """

    protocol: int | None = None
    first: int = 0
    last: int = LAST_PORT


class Side(NamedTuple):
    """One side of a grant: the members of these names by their own addresses, and these prefixes.

    ``internet``: public addresses outside the networks. ``everything``: as a source all that is in the network's
    prefixes and subnets, as a destination every address.
    """

    members: frozenset[str] = frozenset()
    prefixes: tuple[Prefix, ...] = ()
    internet: bool = False
    everything: bool = False


class Grant(NamedTuple):
    """``number`` is its place in the list of grants, from 0. ``text`` is what messages call it."""

    number: int
    src: Side
    dst: Side
    services: tuple[Service, ...]
    text: str


class Target(NamedTuple):
    """A destination of a test: a member, an address or ``internet``, and a port; 0 where the protocol has none."""

    text: str
    dst: Side
    port: int


class Test(NamedTuple):
    """From ``src``, a single member or address, ``accept`` must be reachable and ``deny`` must not.

    ``protocol`` is the one that is given, else TCP.
    """

    number: int
    src_text: str
    src: Side
    protocol: int
    accept: tuple[Target, ...]
    deny: tuple[Target, ...]


class Policy(NamedTuple):
    """Without a policy a network allows everything. With one, everything is denied that no grant allows."""

    grants: tuple[Grant, ...] = ()
    tests: tuple[Test, ...] = ()
