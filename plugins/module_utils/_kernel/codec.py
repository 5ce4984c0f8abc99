# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ``wireguard`` netlink family, bytes to model and back (include/uapi/linux/wireguard.h)."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from .._model.endpoint import Endpoint
from .._model.interface import RunningDevice, RunningPeer
from .._model.keys import NO_PRESHARED_KEY, ZERO_KEY, PresharedKey, PrivateKey, PublicKey
from .._model.prefix import Prefix
from .attributes import NLA_MAX_PAYLOAD, decode_attributes, encode_attribute, encode_nested
from .errors import KernelError

FAMILY, VERSION = "wireguard", 1
CMD_GET_DEVICE, CMD_SET_DEVICE = 0, 1

DEVICE_IFINDEX, DEVICE_IFNAME, DEVICE_PRIVATE_KEY, DEVICE_PUBLIC_KEY = 1, 2, 3, 4
DEVICE_FLAGS, DEVICE_LISTEN_PORT, DEVICE_FWMARK, DEVICE_PEERS = 5, 6, 7, 8
DEVICE_F_REPLACE_PEERS = 1

PEER_PUBLIC_KEY, PEER_PRESHARED_KEY, PEER_FLAGS, PEER_ENDPOINT, PEER_KEEPALIVE = 1, 2, 3, 4, 5
PEER_LAST_HANDSHAKE, PEER_RX_BYTES, PEER_TX_BYTES, PEER_ALLOWED_IPS = 6, 7, 8, 9
PEER_F_REMOVE_ME, PEER_F_UPDATE_ONLY = 1, 4

ALLOWED_IP_FAMILY, ALLOWED_IP_ADDRESS, ALLOWED_IP_LENGTH = 1, 2, 3

_U16, _U32, _U64 = struct.Struct("=H"), struct.Struct("=I"), struct.Struct("=Q")
_TIMESPEC = struct.Struct("=qq")
_PORT = struct.Struct("!H")
_SCOPE = struct.Struct("=I")

# One allowed IP is 36 bytes at most, so that a thousand of them and a peer's own attributes fit one message.
PREFIXES_A_MESSAGE = 1000


class PeerChange(NamedTuple):
    """What one set message says of one peer; None and empty leave things as they are.

    ``endpoint`` has a literal host. ``allowed_ips`` are added, moved here from any other peer that has them.
    """

    public_key: PublicKey
    flags: int = 0
    preshared_key: PresharedKey | None = None
    endpoint: Endpoint | None = None
    persistent_keepalive: int | None = None
    allowed_ips: tuple[Prefix, ...] = ()


class DeviceChange(NamedTuple):
    """What a set message says of the device itself."""

    private_key: PrivateKey | None = None
    listen_port: int | None = None
    fwmark: int | None = None
    flags: int = 0


# Decoding


def decode_endpoint(data: bytes) -> Endpoint | None:
    """A ``struct sockaddr_in`` or ``sockaddr_in6``; the scope of a link-local address as ``%interface``."""
    family = _U16.unpack_from(data)[0]
    port = _PORT.unpack_from(data, 2)[0]
    if family == socket.AF_INET:
        return Endpoint(socket.inet_ntop(family, data[4:8]), port)
    if family == socket.AF_INET6:
        scope = _SCOPE.unpack_from(data, 24)[0]
        host = socket.inet_ntop(family, data[8:24])
        return Endpoint(f"{host}%{_scope_name(scope)}" if scope else host, port)
    return None


def _scope_name(index: int) -> str:
    try:
        return socket.if_indextoname(index)
    except OSError:
        return str(index)


def _decode_allowed_ips(data: bytes, start: int, end: int) -> Iterator[Prefix]:
    for _index, first, last in decode_attributes(data, start, end):
        packed, length = b"", 0
        for kind, begin, stop in decode_attributes(data, first, last):
            if kind == ALLOWED_IP_ADDRESS:
                packed = data[begin:stop]
            elif kind == ALLOWED_IP_LENGTH:
                length = data[begin]
        yield Prefix(packed, length)


def _decode_peer(data: bytes, start: int, end: int) -> RunningPeer:
    values: dict[int, bytes] = {}
    allowed: frozenset[Prefix] = frozenset()
    for kind, first, last in decode_attributes(data, start, end):
        if kind == PEER_ALLOWED_IPS:
            allowed = frozenset(_decode_allowed_ips(data, first, last))
        else:
            values[kind] = data[first:last]
    preshared = values.get(PEER_PRESHARED_KEY, ZERO_KEY)
    seconds, nanoseconds = _TIMESPEC.unpack(values.get(PEER_LAST_HANDSHAKE, bytes(16)))
    return RunningPeer(
        PublicKey(values[PEER_PUBLIC_KEY]),
        PresharedKey(preshared) if preshared != ZERO_KEY else NO_PRESHARED_KEY,
        decode_endpoint(values[PEER_ENDPOINT]) if PEER_ENDPOINT in values else None,
        allowed,
        _U16.unpack(values.get(PEER_KEEPALIVE, b"\0\0"))[0],
        seconds + nanoseconds / 1e9,
        _U64.unpack(values.get(PEER_RX_BYTES, bytes(8)))[0],
        _U64.unpack(values.get(PEER_TX_BYTES, bytes(8)))[0],
    )


def _merge_peer(peers: dict[PublicKey, RunningPeer], part: RunningPeer) -> None:
    """A peer may be split anywhere; its later parts hold only its key and more allowed_ips."""
    first = peers.get(part.public_key)
    peers[part.public_key] = part if first is None else first._replace(allowed_ips=first.allowed_ips | part.allowed_ips)


def decode_device(messages: Iterable[bytes]) -> RunningDevice:
    """All messages of one dump, in order, to one device."""
    values: dict[int, bytes] = {}
    peers: dict[PublicKey, RunningPeer] = {}
    for data in messages:
        for kind, start, end in decode_attributes(data, 0, len(data)):
            if kind == DEVICE_PEERS:
                for _index, first, last in decode_attributes(data, start, end):
                    _merge_peer(peers, _decode_peer(data, first, last))
            else:
                values[kind] = data[start:end]
    private = values.get(DEVICE_PRIVATE_KEY, ZERO_KEY)
    return RunningDevice(
        interface=values.get(DEVICE_IFNAME, b"").rstrip(b"\0").decode(),
        ifindex=_U32.unpack(values.get(DEVICE_IFINDEX, bytes(4)))[0],
        private_key=PrivateKey(private) if private != ZERO_KEY else None,
        public_key=PublicKey(values[DEVICE_PUBLIC_KEY]) if private != ZERO_KEY else None,
        listen_port=_U16.unpack(values.get(DEVICE_LISTEN_PORT, b"\0\0"))[0],
        fwmark=_U32.unpack(values.get(DEVICE_FWMARK, bytes(4)))[0],
        peers=peers,
    )


# Encoding


def encode_endpoint(endpoint: Endpoint) -> bytes:
    """A literal endpoint as ``struct sockaddr_in`` or ``sockaddr_in6``. KernelError where its scope is no interface."""
    address, _percent, scope = endpoint.host.partition("%")
    port = _PORT.pack(endpoint.port)
    if ":" not in address:
        return _U16.pack(socket.AF_INET) + port + socket.inet_pton(socket.AF_INET, address) + bytes(8)
    index = int(scope) if scope.isdigit() else _scope_index(endpoint, scope) if scope else 0
    packed = socket.inet_pton(socket.AF_INET6, address)
    return _U16.pack(socket.AF_INET6) + port + bytes(4) + packed + _SCOPE.pack(index)


def _scope_index(endpoint: Endpoint, scope: str) -> int:
    try:
        return socket.if_nametoindex(scope)
    except OSError:
        raise KernelError(errno.ENXIO, f"set endpoint {endpoint}", f"there is no interface {scope}") from None


def encode_name(interface: str) -> bytes:
    return encode_attribute(DEVICE_IFNAME, interface.encode() + b"\0")


def _encode_allowed_ip(prefix: Prefix) -> bytes:
    return encode_nested(
        0,
        encode_attribute(ALLOWED_IP_FAMILY, _U16.pack(prefix.family))
        + encode_attribute(ALLOWED_IP_ADDRESS, prefix.packed)
        + encode_attribute(ALLOWED_IP_LENGTH, bytes([prefix.length])),
    )


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
    if change.allowed_ips:
        parts.append(encode_nested(PEER_ALLOWED_IPS, b"".join(map(_encode_allowed_ip, change.allowed_ips))))
    return encode_nested(0, b"".join(parts))


def _split_peer(change: PeerChange) -> Iterator[PeerChange]:
    """A peer with more prefixes than a message holds becomes several entries; only the first has the rest."""
    yield change._replace(allowed_ips=change.allowed_ips[:PREFIXES_A_MESSAGE])
    for start in range(PREFIXES_A_MESSAGE, len(change.allowed_ips), PREFIXES_A_MESSAGE):
        more = change.allowed_ips[start : start + PREFIXES_A_MESSAGE]
        yield PeerChange(change.public_key, change.flags | PEER_F_UPDATE_ONLY, allowed_ips=more)


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
