# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sends something into a tunnel, so that the peer has to answer.

WireGuard itself does: whoever receives a packet with data and has nothing to send back for ten seconds sends an empty
one (whitepaper, section 6.5). So it does not matter where the packet goes beyond the peer, nor whether it arrives.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from contextlib import suppress

from ._kernel.namespace import entered
from ._model.keys import PublicKey
from ._model.prefix import Prefix, format_ip, parse_prefix
from ._model.state import RunningState

_DISCARD = 9  # RFC 863
# For a default route: addresses that are nobody's (RFC 5737, RFC 3849).
_NOWHERE = {4: parse_prefix("198.51.100.0/24"), 16: parse_prefix("2001:db8::/64")}
_TRIES = 4


def nudge(netns: str, state: RunningState, keys: Iterable[PublicKey]) -> None:
    """One datagram to each peer that there is a way to; where there is none, the peer is left alone."""
    with entered(netns):
        for key in keys:
            for address in addresses_behind(state, key):
                # A host may have no address of this family to send from, and one of the other.
                with suppress(OSError):
                    _send(state.interface, address)
                    break


def _send(interface: str, address: bytes) -> None:
    family = socket.AF_INET if len(address) == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as datagram:
        datagram.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode() + b"\0")
        datagram.sendto(b"cryptokey", (format_ip(address), _DISCARD))


def addresses_behind(state: RunningState, key: PublicKey) -> Iterator[bytes]:
    """Addresses that the interface sends to this peer: in its prefixes, in no longer one of another, not its own."""
    peer = state.device.peers[key]
    others = [prefix for other in state.device.peers.values() if other is not peer for prefix in other.allowed_ips]
    own = {address.packed for address in state.addresses}
    for prefix in sorted(peer.allowed_ips, key=lambda prefix: -prefix.length):
        inside = _NOWHERE[len(prefix.packed)] if prefix.length == 0 else prefix
        for packed in _first(inside):
            host = Prefix(packed, len(packed) * 8)
            taken = any(other.length > prefix.length and other.covers(host) for other in others)
            if packed not in own and not taken:
                yield packed


def _first(prefix: Prefix) -> Iterator[bytes]:
    """The first few addresses of hosts in it."""
    size = len(prefix.packed)
    base = int.from_bytes(prefix.packed, "big")
    free = size * 8 - prefix.length
    numbers = range(1) if free == 0 else range(2) if free == 1 else range(1, min(1 + _TRIES, 2**free - 1))
    return ((base + number).to_bytes(size, "big") for number in numbers)
