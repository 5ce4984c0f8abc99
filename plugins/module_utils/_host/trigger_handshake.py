# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make peers answer: send a packet with data into the tunnel, or only start a handshake.

A peer that receives data and has nothing to send back for ten seconds sends an empty packet (whitepaper, section 6.5).
So it does not matter where the packet goes beyond the peer, nor whether it arrives.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice

from .._model.interface import RunningPeer
from .._model.keys import PublicKey
from .._model.operations import AddPeer, Operation, SetDevice, SetLink
from .._model.prefix import Prefix, format_ip, parse_prefix
from .._model.state import RunningState
from .._netlink.namespace import in_netns
from .._wireguard.device import Device

_DISCARD = 9  # RFC 863
# For a default route: addresses that are reserved for documentation (RFC 5737, RFC 3849).
_NOWHERE = {4: parse_prefix("198.51.100.0/24"), 16: parse_prefix("2001:db8::/64")}
_TRIES = 4
# A new host in a mesh of a thousand must not send a thousand handshakes at once: the kernel repeats each for 90 seconds
# where the peer does not know the host yet. Peers beyond this number shake hands when there is traffic. On a busy
# emulated machine, 10,000 took 112 s, and 50 took 0.2 s.
_MOST_HANDSHAKES = 50


def start_new_sessions(after: RunningState, operations: Sequence[Operation], birth_netns: str) -> None:
    """Start a session with peers whose session the operations ended, and do not wait for it.

    At most ``_MOST_HANDSHAKES`` are started. The other end may still use the old session. Its packets are lost, for 15
    seconds at most, until a handshake from this end replaces it. No data is sent. A refusal by the kernel is ignored.
    """
    peers = islice(without_session(after, operations), _MOST_HANDSHAKES) if after.up else ()
    with suppress(OSError):
        Device(after.interface, after.netns, birth_netns).start_sessions(peers)


def without_session(after: RunningState, operations: Sequence[Operation]) -> Iterator[RunningPeer]:
    """Select the peers whose session the operations ended: new ones, or all if the link came up or its key changed.

    Peers without an endpoint cannot be reached, and peers without allowed IPs have no traffic: they are left out.
    """
    ended = any(
        (isinstance(operation, SetLink) and operation.up)
        or (isinstance(operation, SetDevice) and operation.private_key is not None)
        for operation in operations
    )
    new = (operation.peer for operation in operations if isinstance(operation, AddPeer))
    return (peer for peer in (after.device.peers.values() if ended else new) if peer.endpoint and peer.allowed_ips)


def trigger_handshakes(netns: str, state: RunningState, keys: Iterable[PublicKey]) -> None:
    """Send one datagram to each peer, so that the kernel starts a handshake if there is no session.

    Peers without a usable address are skipped.
    """
    with in_netns(netns):
        for key in keys:
            for address in addresses_behind(state, key):
                # A host may have addresses of the other family only.
                with suppress(OSError):
                    _send(state.interface, address)
                    break


def _send(interface: str, address: bytes) -> None:
    family = socket.AF_INET if len(address) == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as datagram:
        datagram.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode() + b"\0")
        datagram.sendto(b"cryptokey", (format_ip(address), _DISCARD))


def addresses_behind(state: RunningState, key: PublicKey) -> Iterator[bytes]:
    """List addresses that the interface routes to this peer.

    They are inside its prefixes, outside longer prefixes of other peers, and not the interface's own.
    """
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
    """Return the first few host addresses of the prefix."""
    size = len(prefix.packed)
    base = int.from_bytes(prefix.packed, "big")
    free = size * 8 - prefix.length
    numbers = range(1) if free == 0 else range(2) if free == 1 else range(1, min(1 + _TRIES, 2**free - 1))
    return ((base + number).to_bytes(size, "big") for number in numbers)
