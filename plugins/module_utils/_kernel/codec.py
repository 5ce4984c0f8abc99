# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ``wireguard`` netlink family: its numbers, and the model to bytes (include/uapi/linux/wireguard.h)."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from .._model.endpoint import Endpoint
from .._model.keys import PresharedKey, PrivateKey, PublicKey
from .._model.prefix import Prefix
from .attributes import NLA_HEADER, NLA_MAX_PAYLOAD, encode_attribute, encode_nested
from .errors import KernelError
from .resolve import find_scope

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

# One allowed IP is 48 bytes at most, so that twice as many as this and a peer's own attributes fit one message.
PREFIXES_A_MESSAGE = 600


class PeerChange(NamedTuple):
    """What one set message says of one peer; None and empty leave things as they are.

    ``endpoint`` has a literal host. ``allowed_ips`` are added, moved here from any other peer that has them;
    ``removed_ips`` are taken from this peer, for which the kernel has a flag since Linux 6.16.
    """

    public_key: PublicKey
    flags: int = 0
    preshared_key: PresharedKey | None = None
    endpoint: Endpoint | None = None
    persistent_keepalive: int | None = None
    allowed_ips: tuple[Prefix, ...] = ()
    removed_ips: tuple[Prefix, ...] = ()


class DeviceChange(NamedTuple):
    """What a set message says of the device itself."""

    private_key: PrivateKey | None = None
    listen_port: int | None = None
    fwmark: int | None = None
    flags: int = 0


def encode_endpoint(endpoint: Endpoint) -> bytes:
    """A literal endpoint as ``struct sockaddr_in`` or ``sockaddr_in6``. KernelError where its scope is no interface."""
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


# An allowed IP around its address, by the number of the address's bytes: there are twenty thousand of them to encode.
_FAMILIES = {4: socket.AF_INET, 16: socket.AF_INET6}
_BEFORE_ADDRESS = {
    size: encode_attribute(ALLOWED_IP_FAMILY, _U16.pack(family)) + NLA_HEADER.pack(size + 4, ALLOWED_IP_ADDRESS)
    for size, family in _FAMILIES.items()
}
_AFTER_ADDRESS = [encode_attribute(ALLOWED_IP_LENGTH, bytes([length])) for length in range(129)]
_REMOVE_ME = encode_attribute(ALLOWED_IP_FLAGS, _U32.pack(ALLOWED_IP_F_REMOVE_ME))


def _encode_allowed_ip(prefix: Prefix, extra: bytes = b"") -> bytes:
    packed, length = prefix
    return encode_nested(0, _BEFORE_ADDRESS[len(packed)] + packed + _AFTER_ADDRESS[length] + extra)


def encode_peer(change: PeerChange) -> bytes:
    parts = [encode_attribute(PEER_PUBLIC_KEY, change.public_key)]
    if change.flags:
        parts.append(encode_attribute(PEER_FLAGS, _U32.pack(change.flags)))
    if change.preshared_key is not None:
        parts.append(encode_attribute(PEER_PRESHARED_KEY, change.preshared_key.reveal_bytes()))
    if change.endpoint is not None:
        parts.append(encode_attribute(PEER_ENDPOINT, encode_endpoint(change.endpoint)))
    if change.persistent_keepalive is not None:
        parts.append(encode_attribute(PEER_KEEPALIVE, _U16.pack(change.persistent_keepalive)))
    if change.allowed_ips or change.removed_ips:
        added = map(_encode_allowed_ip, change.allowed_ips)
        removed = (_encode_allowed_ip(prefix, _REMOVE_ME) for prefix in change.removed_ips)
        parts.append(encode_nested(PEER_ALLOWED_IPS, b"".join((*added, *removed))))
    return encode_nested(0, b"".join(parts))


def _split_peer(change: PeerChange) -> Iterator[PeerChange]:
    """A peer with more prefixes than a message holds becomes several entries; only the first has the rest."""
    parts = range(0, max(len(change.allowed_ips), len(change.removed_ips), 1), PREFIXES_A_MESSAGE)
    for start in parts:
        some = slice(start, start + PREFIXES_A_MESSAGE)
        part = change if start == 0 else PeerChange(change.public_key, change.flags | PEER_F_UPDATE_ONLY)
        yield part._replace(allowed_ips=change.allowed_ips[some], removed_ips=change.removed_ips[some])


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


def encode_set(interface: str, device: DeviceChange, peers: Iterable[PeerChange]) -> Iterator[bytes]:
    """The payloads of as few set messages as hold it all, in order; the device's own part is in the first.

    The nested attribute of the peers has a 16-bit length, which bounds a message at about 430 plain peers.
    """
    head = encode_name(interface) + _encode_device(device)
    nest: list[bytes] = []
    size = 0
    pending = head != encode_name(interface)
    for entry in (encode_peer(part) for change in peers for part in _split_peer(change)):
        if nest and size + len(entry) > NLA_MAX_PAYLOAD:
            yield head + encode_nested(DEVICE_PEERS, b"".join(nest))
            head, nest, size = encode_name(interface), [], 0
        nest.append(entry)
        size += len(entry)
    if nest:
        yield head + encode_nested(DEVICE_PEERS, b"".join(nest))
    elif pending:
        yield head
