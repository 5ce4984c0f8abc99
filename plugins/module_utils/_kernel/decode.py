# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dumps of the ``wireguard`` netlink family to the model (get_peer() in drivers/net/wireguard/netlink.c).

A hub has ten thousand peers, and each attribute read on its own costs as much as all the rest of a run that changes
nothing. But most peers look alike: the same attributes in the same order, each of the same size. So the layout of a
record is learned from the first of its size, and further ones are unpacked in one go; and of a second dump only the
records that differ from the first are read at all.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from .._model.endpoint import Endpoint
from .._model.interface import RunningDevice, RunningPeer
from .._model.keys import NO_PRESHARED_KEY, ZERO_KEY, PresharedKey, PrivateKey, PublicKey
from .._model.prefix import Prefix
from . import codec
from .attributes import decode_attributes

_U16, _U32, _U64 = struct.Struct("=H"), struct.Struct("=I"), struct.Struct("=Q")
_TIMESPEC = struct.Struct("=qq")
_PORT = struct.Struct("!H")
_NEVER = bytes(16)
# A peer with more prefixes than fit here is one of a kind.
_LARGEST_LAYOUT = 1024
# As many values come before those that differ in number.
_VALUES = 6
# What the class itself does, without its checks and defaults.
_new = tuple.__new__

# The attributes that each peer begins with, as kernels send them, and the struct format of each with its header.
_HEAD = (
    (codec.PEER_PUBLIC_KEY, "4x32s"),
    (codec.PEER_PRESHARED_KEY, "4x32s"),
    (codec.PEER_LAST_HANDSHAKE, "4x16s"),
    (codec.PEER_KEEPALIVE, "4xH2x"),
    (codec.PEER_TX_BYTES, "4xQ"),
    (codec.PEER_RX_BYTES, "4xQ"),
    (codec.PEER_PROTOCOL_VERSION, "8x"),
)
_HEAD_KINDS = [kind for kind, _format in _HEAD]
_HEAD_FORMAT = "=" + "".join(format_ for _kind, format_ in _HEAD)
# What may follow.
_TAILS: tuple[list[int], ...] = (
    [],
    [codec.PEER_ENDPOINT],
    [codec.PEER_ALLOWED_IPS],
    [codec.PEER_ENDPOINT, codec.PEER_ALLOWED_IPS],
)
_ALLOWED_IP_KINDS = [codec.ALLOWED_IP_LENGTH, codec.ALLOWED_IP_FAMILY, codec.ALLOWED_IP_ADDRESS]


class _Layout(NamedTuple):
    """How to unpack records of one size.

    The fields are six values, then of an endpoint its header and value, of the nest of allowed IPs its header, and of
    each allowed IP its header, prefix length and address. ``endpoint`` is the index of the endpoint's header, ``first``
    that of the first allowed IP's, each 0 for none. ``headers`` are all of these headers: records of one size with the
    same ones are alike, as a kernel sends the rest always in the same order.
    """

    structure: struct.Struct
    endpoint: int
    first: int
    headers: tuple[int, ...]

    def headers_of(self, fields: tuple[Any, ...]) -> tuple[int, ...]:
        before = self.first - 1
        allowed = (fields[before], *fields[self.first :: 3]) if self.first else ()
        return (fields[self.endpoint], *allowed) if self.endpoint else allowed


class DeviceDecoder:
    """Decodes the dumps of one device. A peer whose record is as in the dump before is the very object of then."""

    def __init__(self) -> None:
        self._records: dict[bytes, RunningPeer] = {}
        self._layouts: dict[int, _Layout] = {}

    def decode(self, messages: Iterable[bytes]) -> RunningDevice:
        """All messages of one dump, in order, to one device."""
        values: dict[int, bytes] = {}
        peers: dict[PublicKey, RunningPeer] = {}
        records: dict[bytes, RunningPeer] = {}
        for data in messages:
            for kind, start, end in decode_attributes(data, 0, len(data)):
                if kind == codec.DEVICE_PEERS:
                    self._decode_peers(data, start, end, peers, records)
                else:
                    values[kind] = data[start:end]
        self._records = records
        return _decode_device(values, peers)

    def _decode_peers(
        self, data: bytes, start: int, end: int, peers: dict[PublicKey, RunningPeer], records: dict[bytes, RunningPeer]
    ) -> None:
        """A peer may be split across messages anywhere; its later parts hold its key and more allowed_ips."""
        for _index, first, last in decode_attributes(data, start, end):
            record = data[first:last]
            peer = self._records.get(record) or self._decode_peer(record)
            records[record] = peer
            earlier = peers.setdefault(peer.public_key, peer)
            if earlier is not peer:
                peers[peer.public_key] = earlier._replace(allowed_ips=earlier.allowed_ips | peer.allowed_ips)

    def _decode_peer(self, record: bytes) -> RunningPeer:
        layout = self._layouts.get(len(record))
        if layout:
            fields = layout.structure.unpack(record)
            if layout.headers_of(fields) == layout.headers:
                return _build_peer(layout, fields)
        learned = _learn_layout(record)
        if learned:
            self._layouts[len(record)] = learned
        return _decode_record(record)


def _build_peer(layout: _Layout, fields: tuple[Any, ...]) -> RunningPeer:
    first = layout.first
    prefixes = zip(fields[first + 2 :: 3], fields[first + 1 :: 3]) if first else ()
    return _new(
        RunningPeer,
        (
            PublicKey(fields[0]),
            NO_PRESHARED_KEY if fields[1] == ZERO_KEY else PresharedKey(fields[1]),
            decode_endpoint(fields[layout.endpoint + 1]) if layout.endpoint else None,
            frozenset([_new(Prefix, prefix) for prefix in prefixes]),
            fields[3],
            0.0 if fields[2] == _NEVER else _decode_time(fields[2]),
            fields[5],
            fields[4],
        ),
    )


def _learn_layout(record: bytes) -> _Layout | None:
    """The layout of the record, None when its attributes are others than usual, or in another order."""
    found = list(decode_attributes(record, 0, len(record)))
    kinds, tail = [kind for kind, _start, _end in found], found[len(_HEAD) :]
    if len(record) > _LARGEST_LAYOUT or kinds[: len(_HEAD)] != _HEAD_KINDS or kinds[len(_HEAD) :] not in _TAILS:
        return None
    parts, endpoint, first = [_HEAD_FORMAT], 0, 0
    for kind, start, end in tail:
        if kind == codec.PEER_ENDPOINT:
            endpoint = _VALUES
            parts.append(f"I{end - start}s")
        else:
            first = _VALUES + (2 if endpoint else 0) + 1
            parts += ["I", *_allowed_ip_formats(record, start, end)]
    structure = struct.Struct("".join(parts))
    if structure.size != len(record):
        return None
    layout = _Layout(structure, endpoint, first, ())
    return layout._replace(headers=layout.headers_of(structure.unpack(record)))


def _allowed_ip_formats(record: bytes, start: int, end: int) -> Iterator[str]:
    """The format of each allowed IP; empty, which spoils the sum, for one whose attributes are in another order."""
    for _index, first, last in decode_attributes(record, start, end):
        found = list(decode_attributes(record, first, last))
        usual = [kind for kind, _start, _end in found] == _ALLOWED_IP_KINDS
        yield f"I4xB3x8x4x{found[-1][2] - found[-1][1]}s" if usual else ""


def _decode_record(record: bytes) -> RunningPeer:
    """Attribute by attribute, whatever their order, as also in the later parts of a peer that is split."""
    values: dict[int, bytes] = {}
    allowed: frozenset[Prefix] = frozenset()
    for kind, first, last in decode_attributes(record, 0, len(record)):
        if kind == codec.PEER_ALLOWED_IPS:
            allowed = frozenset(_decode_allowed_ips(record, first, last))
        else:
            values[kind] = record[first:last]
    endpoint = values.get(codec.PEER_ENDPOINT)
    return RunningPeer(
        PublicKey(values[codec.PEER_PUBLIC_KEY]),
        PresharedKey(values.get(codec.PEER_PRESHARED_KEY, ZERO_KEY)),
        decode_endpoint(endpoint) if endpoint else None,
        allowed,
        _U16.unpack(values.get(codec.PEER_KEEPALIVE, b"\0\0"))[0],
        _decode_time(values.get(codec.PEER_LAST_HANDSHAKE, _NEVER)),
        _U64.unpack(values.get(codec.PEER_RX_BYTES, bytes(8)))[0],
        _U64.unpack(values.get(codec.PEER_TX_BYTES, bytes(8)))[0],
    )


def _decode_allowed_ips(data: bytes, start: int, end: int) -> Iterator[Prefix]:
    for _index, first, last in decode_attributes(data, start, end):
        values = {kind: data[begin:stop] for kind, begin, stop in decode_attributes(data, first, last)}
        yield Prefix(values[codec.ALLOWED_IP_ADDRESS], values[codec.ALLOWED_IP_LENGTH][0])


def _decode_time(data: bytes) -> float:
    seconds, nanoseconds = _TIMESPEC.unpack(data)
    return float(seconds + nanoseconds / 1e9)


def decode_endpoint(data: bytes) -> Endpoint | None:
    """A ``struct sockaddr_in`` or ``sockaddr_in6``; the scope of a link-local address as ``%interface``."""
    family = _U16.unpack_from(data)[0]
    port = _PORT.unpack_from(data, 2)[0]
    if family == socket.AF_INET:
        return Endpoint(socket.inet_ntop(family, data[4:8]), port)
    if family == socket.AF_INET6:
        scope = _U32.unpack_from(data, 24)[0]
        host = socket.inet_ntop(family, data[8:24])
        return Endpoint(f"{host}%{_scope_name(scope)}" if scope else host, port)
    return None


def _scope_name(index: int) -> str:
    try:
        return socket.if_indextoname(index)
    except OSError:
        return str(index)


def _decode_device(values: dict[int, bytes], peers: dict[PublicKey, RunningPeer]) -> RunningDevice:
    private = values.get(codec.DEVICE_PRIVATE_KEY, ZERO_KEY)
    return RunningDevice(
        interface=values.get(codec.DEVICE_IFNAME, b"").rstrip(b"\0").decode(),
        ifindex=_U32.unpack(values.get(codec.DEVICE_IFINDEX, bytes(4)))[0],
        private_key=PrivateKey(private) if private != ZERO_KEY else None,
        public_key=PublicKey(values[codec.DEVICE_PUBLIC_KEY]) if private != ZERO_KEY else None,
        listen_port=_U16.unpack(values.get(codec.DEVICE_LISTEN_PORT, b"\0\0"))[0],
        fwmark=_U32.unpack(values.get(codec.DEVICE_FWMARK, bytes(4)))[0],
        peers=peers,
    )
