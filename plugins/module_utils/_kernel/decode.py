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
# What the class itself does, without its checks and defaults.
_new = tuple.__new__

# The attributes of a peer as kernels send them, with the struct format of each value, and those of an allowed IP.
_PEER = (
    (codec.PEER_PUBLIC_KEY, "32s"),
    (codec.PEER_PRESHARED_KEY, "32s"),
    (codec.PEER_LAST_HANDSHAKE, "16s"),
    (codec.PEER_KEEPALIVE, "H2x"),
    (codec.PEER_TX_BYTES, "Q"),
    (codec.PEER_RX_BYTES, "Q"),
    (codec.PEER_PROTOCOL_VERSION, "I"),
)
_ALLOWED_IP = ((codec.ALLOWED_IP_LENGTH, "B3x"), (codec.ALLOWED_IP_FAMILY, "H2x"), (codec.ALLOWED_IP_ADDRESS, ""))
# What may follow.
_RESTS: tuple[list[int], ...] = (
    [],
    [codec.PEER_ENDPOINT],
    [codec.PEER_ALLOWED_IPS],
    [codec.PEER_ENDPOINT, codec.PEER_ALLOWED_IPS],
)


class _Layout(NamedTuple):
    """How to unpack records of one size: every attribute gives its header and its value, those of nests being empty.

    ``endpoint`` is the index of its value, 0 for none, and ``prefixes`` that of the first prefix length, 0 for none:
    length, family, address and the empty value of the next nest then take turns.
    """

    structure: struct.Struct
    headers: tuple[int, ...]
    endpoint: int
    prefixes: int


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
            if fields[::2] == layout.headers:
                return _build_peer(layout, fields[1::2])
        learned = _learn_layout(record)
        if learned:
            self._layouts[len(record)] = learned
        return _decode_record(record)


def _build_peer(layout: _Layout, values: tuple[Any, ...]) -> RunningPeer:
    key, preshared, seen, keepalive, sent, received = values[:6]
    first = layout.prefixes
    prefixes = zip(values[first + 2 :: 4], values[first::4]) if first else ()
    return _new(
        RunningPeer,
        (
            PublicKey(key),
            NO_PRESHARED_KEY if preshared == ZERO_KEY else PresharedKey(preshared),
            decode_endpoint(values[layout.endpoint]) if layout.endpoint else None,
            frozenset([_new(Prefix, prefix) for prefix in prefixes]),
            keepalive,
            0.0 if seen == _NEVER else _decode_time(seen),
            received,
            sent,
        ),
    )


def _learn_layout(record: bytes) -> _Layout | None:
    """The layout of the record, None when its attributes are others than usual, or in another order."""
    if len(record) > _LARGEST_LAYOUT:
        return None
    found = [(kind, end - start) for kind, start, end in decode_attributes(record, 0, len(record))]
    kinds = [kind for kind, _size in found]
    usual = [kind for kind, _format in _PEER]
    rest = kinds[len(usual) :]
    if kinds[: len(usual)] != usual or rest not in _RESTS:
        return None
    formats = [format_ for _kind, format_ in _PEER]
    if codec.PEER_ENDPOINT in rest:
        formats.append(f"{dict(found)[codec.PEER_ENDPOINT]}s")
    endpoint = len(_PEER) if codec.PEER_ENDPOINT in rest else 0
    prefixes = 0
    if codec.PEER_ALLOWED_IPS in rest:
        nests = list(_allowed_ip_formats(record))
        if None in nests:
            return None
        prefixes = len(formats) + 2
        formats += ["0s", *(part for nest in nests for part in nest or ())]
    structure = struct.Struct("=" + "".join(f"I{part}" for part in formats))
    if structure.size != len(record):
        return None
    return _Layout(structure, structure.unpack(record)[::2], endpoint, prefixes)


def _allowed_ip_formats(record: bytes) -> Iterator[list[str] | None]:
    """The formats of each allowed IP, its nest's empty one first; None for one in another order than usual."""
    for kind, start, end in decode_attributes(record, 0, len(record)):
        if kind == codec.PEER_ALLOWED_IPS:
            for _index, first, last in decode_attributes(record, start, end):
                found = [(kind, stop - begin) for kind, begin, stop in decode_attributes(record, first, last)]
                usual = [kind for kind, _size in found] == [kind for kind, _format in _ALLOWED_IP]
                yield ["0s", "B3x", "H2x", f"{found[-1][1]}s"] if usual else None


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
