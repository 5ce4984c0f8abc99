# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ``wireguard`` netlink family: its numbers, and encoders of the model (include/uapi/linux/wireguard.h)."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from .._model.endpoint import Endpoint
from .._model.keys import PresharedKey, PrivateKey, PublicKey
from .._model.prefix import Prefix
from .._netlink.attributes import NLA_F_NESTED, NLA_HEADER, NLA_MAX_PAYLOAD, encode_attribute, encode_nested
from .._netlink.errors import KernelError

FAMILY, VERSION = "wireguard", 1
CMD_GET_DEVICE, CMD_SET_DEVICE = 0, 1

DEVICE_IFINDEX, DEVICE_IFNAME, DEVICE_PRIVATE_KEY, DEVICE_PUBLIC_KEY = 1, 2, 3, 4
DEVICE_FLAGS, DEVICE_LISTEN_PORT, DEVICE_FWMARK, DEVICE_PEERS = 5, 6, 7, 8
DEVICE_F_REPLACE_PEERS = 1

PEER_PUBLIC_KEY, PEER_PRESHARED_KEY, PEER_FLAGS, PEER_ENDPOINT, PEER_KEEPALIVE = 1, 2, 3, 4, 5
PEER_LAST_HANDSHAKE, PEER_RX_BYTES, PEER_TX_BYTES, PEER_ALLOWED_IPS, PEER_PROTOCOL_VERSION = 6, 7, 8, 9, 10
PEER_F_REMOVE_ME, PEER_F_UPDATE_ONLY = 1, 4

ALLOWED_IP_FAMILY, ALLOWED_IP_ADDRESS, ALLOWED_IP_LENGTH, ALLOWED_IP_FLAGS = 1, 2, 3, 4
ALLOWED_IP_F_REMOVE_ME = 1  # since Linux 6.16

_U16, _U32 = struct.Struct("=H"), struct.Struct("=I")
_PORT = struct.Struct("!H")

# An allowed IP has at most 48 bytes. So one message has room for twice this number and a peer's own attributes.
PREFIXES_A_MESSAGE = 600


class PeerChange(NamedTuple):
    """The part of a set message about one peer. None and empty values change nothing.

    ``endpoint`` has a literal host. ``allowed_ips`` are added, and moved here from any other peer that has them.
    ``removed_ips`` are removed from this peer, with a flag that the kernel has since Linux 6.16.
    """

    public_key: PublicKey
    flags: int = 0
    preshared_key: PresharedKey | None = None
    endpoint: Endpoint | None = None
    persistent_keepalive: int | None = None
    allowed_ips: tuple[Prefix, ...] = ()
    removed_ips: tuple[Prefix, ...] = ()


class DeviceChange(NamedTuple):
    """The part of a set message about the device itself."""

    private_key: PrivateKey | None = None
    listen_port: int | None = None
    fwmark: int | None = None
    flags: int = 0


def encode_endpoint(endpoint: Endpoint) -> bytes:
    """Encode a literal endpoint as ``sockaddr_in`` or ``sockaddr_in6``. Raises KernelError for an unknown scope."""
    address, _percent, scope = endpoint.host.partition("%")
    port = _PORT.pack(endpoint.port)
    if ":" not in address:
        return _U16.pack(socket.AF_INET) + port + socket.inet_pton(socket.AF_INET, address) + bytes(8)
    index = _scope_index(endpoint, scope) if scope else 0
    packed = socket.inet_pton(socket.AF_INET6, address)
    return _U16.pack(socket.AF_INET6) + port + bytes(4) + packed + _U32.pack(index)


def _scope_index(endpoint: Endpoint, scope: str) -> int:
    try:
        return find_scope(scope)
    except OSError:
        raise KernelError(errno.ENXIO, f"set endpoint {endpoint}", f"there is no interface {scope}") from None


def encode_name(interface: str) -> bytes:
    return encode_attribute(DEVICE_IFNAME, interface.encode() + b"\0")


# The bytes of an allowed IP before its address, by the size of the address and the prefix length. They are computed
# once, since there may be 20,000 to encode. Addresses need no padding.
_BEFORE_ADDRESS = {
    size: [
        NLA_HEADER.pack(24 + size, NLA_F_NESTED)
        + encode_attribute(ALLOWED_IP_LENGTH, bytes([length]))
        + encode_attribute(ALLOWED_IP_FAMILY, _U16.pack(family))
        + NLA_HEADER.pack(4 + size, ALLOWED_IP_ADDRESS)
        for length in range(size * 8 + 1)
    ]
    for size, family in ((4, socket.AF_INET), (16, socket.AF_INET6))
}
_REMOVE_ME = encode_attribute(ALLOWED_IP_FLAGS, _U32.pack(ALLOWED_IP_F_REMOVE_ME))
PUBLIC_KEY_HEADER, PRESHARED_KEY_HEADER = (NLA_HEADER.pack(36, kind) for kind in (PEER_PUBLIC_KEY, PEER_PRESHARED_KEY))


def encode_prefixes(prefixes: Iterable[Prefix]) -> list[bytes]:
    """Encode each prefix as an entry of a peer's allowed IPs."""
    return [_BEFORE_ADDRESS[len(packed)][length] + packed for packed, length in prefixes]


def _encode_removals(prefixes: Iterable[Prefix]) -> Iterator[bytes]:
    for entry in encode_prefixes(prefixes):
        # Without its header, since the flag changes the length.
        yield encode_nested(0, entry[4:] + _REMOVE_ME)


@lru_cache(maxsize=64)
def encode_keepalive(seconds: int) -> bytes:
    return encode_attribute(PEER_KEEPALIVE, _U16.pack(seconds))


def encode_peer(change: PeerChange) -> bytes:
    key, flags, preshared_key, endpoint, keepalive, allowed_ips, removed_ips = change
    parts = [PUBLIC_KEY_HEADER, key]
    if flags:
        parts.append(encode_attribute(PEER_FLAGS, _U32.pack(flags)))
    if preshared_key is not None:
        parts += (PRESHARED_KEY_HEADER, preshared_key.reveal_bytes())
    if endpoint is not None:
        parts.append(encode_attribute(PEER_ENDPOINT, encode_endpoint(endpoint)))
    if keepalive is not None:
        parts.append(encode_keepalive(keepalive))
    if allowed_ips or removed_ips:
        entries = [*encode_prefixes(allowed_ips), *_encode_removals(removed_ips)]
        parts.append(encode_nested(PEER_ALLOWED_IPS, b"".join(entries)))
    return encode_nested(0, b"".join(parts))


def _encode_entries(change: PeerChange) -> Iterator[bytes]:
    """Split a peer with more prefixes than a message holds. Only the first entry has the other values."""
    for start in range(0, max(len(change.allowed_ips), len(change.removed_ips)), PREFIXES_A_MESSAGE):
        some = slice(start, start + PREFIXES_A_MESSAGE)
        part = change if start == 0 else PeerChange(change.public_key, change.flags | PEER_F_UPDATE_ONLY)
        yield encode_peer(part._replace(allowed_ips=change.allowed_ips[some], removed_ips=change.removed_ips[some]))


def encode_peers(changes: Iterable[PeerChange]) -> Iterator[bytes]:
    """Encode the changes as entries of a set message, in order."""
    for change in changes:
        if len(change.allowed_ips) <= PREFIXES_A_MESSAGE and len(change.removed_ips) <= PREFIXES_A_MESSAGE:
            yield encode_peer(change)
        else:
            yield from _encode_entries(change)


def _encode_device(change: DeviceChange) -> bytes:
    parts = []
    if change.flags:
        parts.append(encode_attribute(DEVICE_FLAGS, _U32.pack(change.flags)))
    if change.private_key is not None:
        parts.append(encode_attribute(DEVICE_PRIVATE_KEY, change.private_key.reveal_bytes()))
    if change.listen_port is not None:
        parts.append(encode_attribute(DEVICE_LISTEN_PORT, _U16.pack(change.listen_port)))
    if change.fwmark is not None:
        parts.append(encode_attribute(DEVICE_FWMARK, _U32.pack(change.fwmark)))
    return b"".join(parts)


def encode_set(interface: str, device: DeviceChange, entries: Iterable[bytes]) -> Iterator[bytes]:
    """Encode everything as the payloads of as few set messages as possible. The first has the device's own part.

    ``entries``: from ``encode_peers`` and ``encode_new_peers``, in order. The nested attribute of the peers has a
    16-bit length, so a message holds about 430 plain peers.
    """
    head = encode_name(interface) + _encode_device(device)
    nest: list[bytes] = []
    size = 0
    pending = head != encode_name(interface)
    for entry in entries:
        if nest and size + len(entry) > NLA_MAX_PAYLOAD:
            yield head + encode_nested(DEVICE_PEERS, b"".join(nest))
            head, nest, size = encode_name(interface), [], 0
        nest.append(entry)
        size += len(entry)
    if nest:
        yield head + encode_nested(DEVICE_PEERS, b"".join(nest))
    elif pending:
        yield head


def find_scope(scope: str) -> int:
    """Return the index of the interface with this name, else ``scope`` itself if it is a number. Raises OSError."""
    try:
        return socket.if_nametoindex(scope)
    except OSError:
        if scope.isdecimal() and int(scope) < 2**31:
            return int(scope)
        raise
