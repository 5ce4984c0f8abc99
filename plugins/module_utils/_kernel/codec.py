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
from .attributes import NLA_HEADER, NLA_MAX_PAYLOAD, decode_attributes, encode_attribute, encode_nested
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

_U16, _U32, _U64 = struct.Struct("=H"), struct.Struct("=I"), struct.Struct("=Q")
_TIMESPEC = struct.Struct("=qq")
_PORT = struct.Struct("!H")
_SCOPE = struct.Struct("=I")


def _header(kind: int, size: int) -> int:
    """An attribute's header, its value ``size`` bytes long, as one number to compare with."""
    return int(_U32.unpack(NLA_HEADER.pack(size + NLA_HEADER.size, kind))[0])


# Every kernel so far sends a peer's fixed attributes, and those of an allowed IP, in one order (get_peer() in
# drivers/net/wireguard/netlink.c). Taken in one go they cost a tenth; another order is read one by one.
_PEER_HEAD = struct.Struct("=I32sI32sIqqIHxxIQIQI4x")
_PEER_HEADERS = (
    _header(PEER_PUBLIC_KEY, 32),
    _header(PEER_PRESHARED_KEY, 32),
    _header(PEER_LAST_HANDSHAKE, 16),
    _header(PEER_KEEPALIVE, 2),
    _header(PEER_TX_BYTES, 8),
    _header(PEER_RX_BYTES, 8),
    _header(PEER_PROTOCOL_VERSION, 4),
)
_ALLOWED_IP = struct.Struct("=HHIB3xIH2xI")
_ALLOWED_IP_HEADERS = {
    _ALLOWED_IP.size + size: (
        _header(ALLOWED_IP_LENGTH, 1),
        _header(ALLOWED_IP_FAMILY, 2),
        _header(ALLOWED_IP_ADDRESS, size),
    )
    for size in (4, 16)
}
# What the class itself does, without its checks and defaults.
_new = tuple.__new__

_NONE_ALLOWED: frozenset[Prefix] = frozenset()

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


def _decode_allowed_ips(data: bytes, position: int, end: int) -> frozenset[Prefix]:
    prefixes = []
    while position < end:
        size, _nest, length_header, length, family_header, _family, address_header = _ALLOWED_IP.unpack_from(
            data, position
        )
        if (length_header, family_header, address_header) == _ALLOWED_IP_HEADERS.get(size):
            prefixes.append(_new(Prefix, (data[position + _ALLOWED_IP.size : position + size], length)))
        else:
            prefixes.append(_decode_allowed_ip(data, position, end))
        position += (size + 3) & ~3
    return frozenset(prefixes)


def _decode_allowed_ip(data: bytes, position: int, end: int) -> Prefix:
    packed, length = b"", 0
    _nest, start, stop = next(decode_attributes(data, position, end))
    for kind, first, last in decode_attributes(data, start, stop):
        if kind == ALLOWED_IP_ADDRESS:
            packed = data[first:last]
        elif kind == ALLOWED_IP_LENGTH:
            length = data[first]
    return Prefix(packed, length)


def _decode_peer(data: bytes, start: int, end: int) -> RunningPeer:
    if end - start < _PEER_HEAD.size:
        return _decode_peer_attributes(data, start, end)
    h1, key, h2, preshared, h3, seconds, nanoseconds, h4, keepalive, h5, sent, h6, received, h7 = (
        _PEER_HEAD.unpack_from(data, start)
    )
    if (h1, h2, h3, h4, h5, h6, h7) != _PEER_HEADERS:
        return _decode_peer_attributes(data, start, end)
    endpoint, allowed = None, _NONE_ALLOWED
    for kind, first, last in decode_attributes(data, start + _PEER_HEAD.size, end):
        if kind == PEER_ALLOWED_IPS:
            allowed = _decode_allowed_ips(data, first, last)
        elif kind == PEER_ENDPOINT:
            endpoint = decode_endpoint(data[first:last])
    return _new(
        RunningPeer,
        (
            PublicKey(key),
            NO_PRESHARED_KEY if preshared == ZERO_KEY else PresharedKey(preshared),
            endpoint,
            allowed,
            keepalive,
            seconds + nanoseconds / 1e9,
            received,
            sent,
        ),
    )


def _decode_peer_attributes(data: bytes, start: int, end: int) -> RunningPeer:
    """Attributes in any order, as in the later parts of a peer that is split across messages."""
    values: dict[int, bytes] = {}
    allowed = _NONE_ALLOWED
    for kind, first, last in decode_attributes(data, start, end):
        if kind == PEER_ALLOWED_IPS:
            allowed = _decode_allowed_ips(data, first, last)
        else:
            values[kind] = data[first:last]
    seconds, nanoseconds = _TIMESPEC.unpack(values.get(PEER_LAST_HANDSHAKE, bytes(16)))
    return RunningPeer(
        PublicKey(values[PEER_PUBLIC_KEY]),
        PresharedKey(values.get(PEER_PRESHARED_KEY, ZERO_KEY)),
        decode_endpoint(values[PEER_ENDPOINT]) if PEER_ENDPOINT in values else None,
        allowed,
        _U16.unpack(values.get(PEER_KEEPALIVE, b"\0\0"))[0],
        seconds + nanoseconds / 1e9,
        _U64.unpack(values.get(PEER_RX_BYTES, bytes(8)))[0],
        _U64.unpack(values.get(PEER_TX_BYTES, bytes(8)))[0],
    )


def _decode_peers(data: bytes, start: int, end: int, peers: dict[PublicKey, RunningPeer]) -> None:
    """Add the peers of one message. A peer may be split anywhere; its later parts hold its key and more allowed_ips."""
    for _index, first, last in decode_attributes(data, start, end):
        peer = _decode_peer(data, first, last)
        earlier = peers.setdefault(peer.public_key, peer)
        if earlier is not peer:
            peers[peer.public_key] = earlier._replace(allowed_ips=earlier.allowed_ips | peer.allowed_ips)


def decode_device(messages: Iterable[bytes]) -> RunningDevice:
    """All messages of one dump, in order, to one device."""
    values: dict[int, bytes] = {}
    peers: dict[PublicKey, RunningPeer] = {}
    for data in messages:
        for kind, start, end in decode_attributes(data, 0, len(data)):
            if kind == DEVICE_PEERS:
                _decode_peers(data, start, end, peers)
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
    index = _scope_index(endpoint, scope) if scope else 0
    packed = socket.inet_pton(socket.AF_INET6, address)
    return _U16.pack(socket.AF_INET6) + port + bytes(4) + packed + _SCOPE.pack(index)


def _scope_index(endpoint: Endpoint, scope: str) -> int:
    try:
        return find_scope(scope)
    except OSError:
        raise KernelError(errno.ENXIO, f"set endpoint {endpoint}", f"there is no interface {scope}") from None


def encode_name(interface: str) -> bytes:
    return encode_attribute(DEVICE_IFNAME, interface.encode() + b"\0")


def _encode_allowed_ip(prefix: Prefix, extra: bytes = b"") -> bytes:
    return encode_nested(
        0,
        encode_attribute(ALLOWED_IP_FAMILY, _U16.pack(prefix.family))
        + encode_attribute(ALLOWED_IP_ADDRESS, prefix.packed)
        + encode_attribute(ALLOWED_IP_LENGTH, bytes([prefix.length]))
        + extra,
    )


_REMOVE_ME = encode_attribute(ALLOWED_IP_FLAGS, _U32.pack(ALLOWED_IP_F_REMOVE_ME))


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
