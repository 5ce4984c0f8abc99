# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""See which WireGuard packets come to a UDP port and leave it, for a few seconds (packet(7), socket(7)).

A filter in the kernel passes the beginning of UDP packets of that port, at most 76 bytes: the headers, as long as they
can be. Behind them, eight bytes are read: the type of the message, and the index of a session, a random number that
both ends see (whitepaper, section 5.4). So a packet can be told apart from all others at both ends, whatever translates
its addresses. A packet is seen as it arrives, before any
chain of the host can drop it, and one that leaves is seen after all of them. The socket ends with the process.
"""

from __future__ import annotations

import ctypes
import socket
import struct
from typing import NamedTuple

# include/uapi/linux/if_ether.h, if_packet.h, filter.h
_ETH_P_ALL = 3
_PACKET_OUTGOING = 4
_SO_ATTACH_FILTER = 26
_INSTRUCTION = struct.Struct("=HBBI")
_LOAD_BYTE, _LOAD_HALF, _LOAD_HALF_BEHIND, _HEADER_LENGTH = 0x30, 0x28, 0x48, 0xB1
_SHIFT, _EQUAL, _ANY_BIT, _RETURN = 0x74, 0x15, 0x45, 0x06
_UDP = 17
_FRAGMENT = 0x1FFF  # all but the first fragment have one of these bits
_IPV4_HEADER, _IPV6_HEADER, _UDP_HEADER = 20, 40, 8
# The longest IPv4 header, that of UDP, and the start of a message.
_SEEN_BYTES = 60 + _UDP_HEADER + 8

INITIATION, RESPONSE, COOKIE, DATA = 1, 2, 3, 4
# As many as a busy hub with thousands of sessions shows in some seconds.
_MOST = 20_000


class Sighting(NamedTuple):
    """A message that was seen: where it came from or went to, and by which link of the host."""

    leaves: bool
    host: str
    port: int
    link: str
    kind: int
    session: int


class Capture:
    """Watches a port in the network namespace of the calling thread. Use it as a context manager.

    Raises OSError where the process is not allowed to.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        self._socket = socket.socket(socket.AF_PACKET, kind, socket.htons(_ETH_P_ALL))
        program = _filter_program(port)
        buffer = ctypes.create_string_buffer(program, len(program))
        fprog = struct.pack("@HP", len(program) // _INSTRUCTION.size, ctypes.addressof(buffer))
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, fprog)
        except OSError:
            self._socket.close()
            raise
        self._seen: dict[Sighting, None] = {}

    def __enter__(self) -> Capture:
        return self

    def __exit__(self, *_error: object) -> None:
        self._socket.close()

    def fileno(self) -> int:
        return self._socket.fileno()

    @property
    def seen(self) -> list[Sighting]:
        """Each once, in the order in which they came."""
        return list(self._seen)

    def read(self) -> None:
        """Take up what has come so far."""
        for _packet in range(_MOST):
            try:
                data, (link, _protocol, kind, *_rest) = self._socket.recvfrom(_SEEN_BYTES)
            except BlockingIOError:
                return
            except OSError:
                continue  # a link went down
            found = decode_packet(data, self._port, kind == _PACKET_OUTGOING, link)
            if found and len(self._seen) < _MOST:
                self._seen[found] = None


def _filter_program(port: int) -> bytes:
    """The classic BPF program that passes what has this UDP port at either end. Jumps count from the next line."""
    lines = [
        (_LOAD_BYTE, 0, 0, 0),
        (_SHIFT, 0, 0, 4),
        (_EQUAL, 0, 9, 4),  # not IPv4: on to IPv6
        (_LOAD_BYTE, 0, 0, 9),
        (_EQUAL, 0, 15, _UDP),
        (_LOAD_HALF, 0, 0, 6),
        (_ANY_BIT, 13, 0, _FRAGMENT),
        (_HEADER_LENGTH, 0, 0, 0),
        (_LOAD_HALF_BEHIND, 0, 0, 0),
        (_EQUAL, 9, 0, port),
        (_LOAD_HALF_BEHIND, 0, 0, 2),
        (_EQUAL, 7, 8, port),
        # IPv6, without extension headers, which WireGuard does not send.
        (_EQUAL, 0, 7, 6),
        (_LOAD_BYTE, 0, 0, 6),
        (_EQUAL, 0, 5, _UDP),
        (_LOAD_HALF, 0, 0, _IPV6_HEADER),
        (_EQUAL, 2, 0, port),
        (_LOAD_HALF, 0, 0, _IPV6_HEADER + 2),
        (_EQUAL, 0, 1, port),
        (_RETURN, 0, 0, _SEEN_BYTES),
        (_RETURN, 0, 0, 0),
    ]
    return b"".join(_INSTRUCTION.pack(*line) for line in lines)


def decode_packet(data: bytes, port: int, leaves: bool, link: str) -> Sighting | None:
    """A message from its IP header on. None for what is none, or is another port's."""
    version = data[0] >> 4 if data else 0
    start = (data[0] & 15) * 4 if version == 4 else _IPV6_HEADER
    if version not in (4, 6) or start < _IPV4_HEADER or len(data) < start + _UDP_HEADER + 8:
        return None
    if (data[9] if version == 4 else data[6]) != _UDP:
        return None
    source, destination = struct.unpack_from(">HH", data, start)
    kind, index = struct.unpack_from("<II", data, start + _UDP_HEADER)
    if (source if leaves else destination) != port or not INITIATION <= kind <= DATA:
        return None
    addresses = (data[12:16], data[16:20]) if version == 4 else (data[8:24], data[24:40])
    host = socket.inet_ntop(socket.AF_INET if version == 4 else socket.AF_INET6, addresses[leaves])
    return Sighting(leaves, host, destination if leaves else source, link, kind, index)
