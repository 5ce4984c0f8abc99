# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decode dumps of the ``wireguard`` netlink family (get_peer() in drivers/net/wireguard/netlink.c).

A hub may have ten thousand peers, too many to decode attribute by attribute. So peers are decoded when they are first
used. Records of one layout are unpacked together, column by column. In a second dump, only the records that differ from
the first are decoded. docs/contributing/large-peer-sets.md shows this with an example record.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, ItemsView, Iterable, Iterator, Mapping, Sequence, ValuesView
from functools import cached_property
from itertools import chain, groupby, islice, repeat
from operator import add, truediv
from typing import NamedTuple

from .._model.endpoint import Endpoint
from .._model.interface import KEY_OF, RunningDevice, RunningPeer
from .._model.keys import ZERO_KEY, PresharedKey, PrivateKey, PublicKey
from .._model.prefix import Prefix
from .._netlink.attributes import NLA_HEADER, decode_attributes
from .._netlink.namespace import bind_to_netns
from . import codec

_U16, _U32, _U64 = struct.Struct("=H"), struct.Struct("=I"), struct.Struct("=Q")
_TIMESPEC = struct.Struct("=qq")
_PORT = struct.Struct("!H")
# Makes a named tuple from all its fields, without the cost of the class's own __new__.
_new = tuple.__new__

# The attributes that every record begins with, in the kernel's order, and the struct format of each value.
_HEAD = {
    codec.PEER_PUBLIC_KEY: "32s",
    codec.PEER_PRESHARED_KEY: "32s",
    codec.PEER_LAST_HANDSHAKE: "qq",
    codec.PEER_KEEPALIVE: "H",
    codec.PEER_TX_BYTES: "Q",
    codec.PEER_RX_BYTES: "Q",
    codec.PEER_PROTOCOL_VERSION: "",
}
# Those that change without anybody changing the configuration, and how to unpack them: of the handshake the seconds.
_VOLATILE = {codec.PEER_LAST_HANDSHAKE: "q", codec.PEER_TX_BYTES: "Q", codec.PEER_RX_BYTES: "Q"}
# The attributes that may follow.
_TAILS: tuple[list[int], ...] = (
    [],
    [codec.PEER_ENDPOINT],
    [codec.PEER_ALLOWED_IPS],
    [codec.PEER_ENDPOINT, codec.PEER_ALLOWED_IPS],
)
_ALLOWED_IP_KINDS = [codec.ALLOWED_IP_LENGTH, codec.ALLOWED_IP_FAMILY, codec.ALLOWED_IP_ADDRESS]
# Larger records are rarely alike, and are decoded attribute by attribute.
_LARGEST_LAYOUT = 1024
# How many records are unpacked into columns at a time. Their memory is used again for the next ones: new memory costs
# more than the decoding.
_RECORDS_AT_ONCE = 256


class Layout(NamedTuple):
    """How to unpack records that are alike: all their bytes except the values are the same.

    ``structure`` has the values of ``_HEAD``, then the endpoint if there is one, and the length and address of each
    allowed IP. ``shared``: the position and value of each byte that belongs to no value. ``volatile`` has the seconds
    of the handshake, the bytes sent and received, and the endpoint if there is one; ``changing`` are all positions of
    what changes by itself.
    """

    structure: struct.Struct
    shared: list[tuple[int, int]]
    has_endpoint: bool
    volatile: struct.Struct
    changing: list[int]


class Columns(NamedTuple):
    """The values of records of one layout, by column.

    ``prefixes``: for each allowed IP, the pairs of address and length.
    """

    keys: tuple[bytes, ...]
    secrets: tuple[bytes, ...]
    seconds: tuple[int, ...]
    nanoseconds: tuple[int, ...]
    keepalives: tuple[int, ...]
    sent: tuple[int, ...]
    received: tuple[int, ...]
    endpoints: tuple[bytes, ...] | None
    prefixes: Sequence[Iterator[tuple[bytes, int]]]


class Row(NamedTuple):
    """Records of one ``size`` in a row, each with its header as the kernel sends it."""

    size: int
    data: bytes

    def cut(self) -> list[bytes]:
        return [record for (record,) in struct.iter_unpack(f"{self.size}s", self.data)]

    def fits(self, layout: Layout) -> bool:
        """Whether all records have this layout. Each position is compared in all of them at once."""
        records = len(self.data) // self.size
        return all(self.data[at :: self.size] == bytes([byte]) * records for at, byte in layout.shared)

    def without_volatile(self, layout: Layout) -> bytearray:
        """The records, which all have this layout, with zeros for what changes by itself."""
        settled = bytearray(self.data)
        zeros = bytes(len(self.data) // self.size)
        for at in layout.changing:
            settled[at :: self.size] = zeros
        return settled

    def cut_to_size(self) -> Iterator[Row]:
        """Cut the row into rows of at most ``_RECORDS_AT_ONCE`` records."""
        step = _RECORDS_AT_ONCE * self.size
        return (Row(self.size, self.data[start : start + step]) for start in range(0, len(self.data), step))

    def unpack(self, layout: Layout) -> Columns:
        """Unpack the records, which all have this layout."""
        values = layout.structure.iter_unpack(self.data)
        keys, secrets, seconds, nanoseconds, keepalives, sent, received, *rest = zip(*values)
        endpoints = rest.pop(0) if layout.has_endpoint else None
        prefixes = list(map(zip, rest[1::2], rest[::2]))
        return Columns(keys, secrets, seconds, nanoseconds, keepalives, sent, received, endpoints, prefixes)

    def divide(self) -> Iterator[tuple[Layout | None, Row]]:
        """Divide the records by their layouts. None is for those that are decoded attribute by attribute."""
        layout = _learn_layout(self.data[: self.size])
        if layout is None or self.fits(layout):
            yield layout, self
            return
        alike: list[bytes] = []
        others: list[bytes] = []
        for record in self.cut():
            (alike if Row(self.size, record).fits(layout) else others).append(record)
        yield layout, Row(self.size, b"".join(alike))
        yield from Row(self.size, b"".join(others)).divide()


def _rows(data: bytes, start: int, end: int) -> Iterator[Row]:
    """Cut the peers in ``data[start:end]`` into rows: records with the same header have the same size."""
    while start + 4 <= end:
        size, _index = NLA_HEADER.unpack_from(data, start)
        step = (size + 3) & ~3
        if size < 4 or start + size > end:
            raise ValueError(f"torn netlink attribute at byte {start}")
        headers = [data[start + at : end : step] for at in range(4)]
        row = step * min(len(column) - len(column.lstrip(column[:1])) for column in headers)
        yield Row(step, data[start : start + row])
        start += row


class DumpedPeers(Mapping[PublicKey, RunningPeer]):
    """The peers of a dump, in its order. All are decoded when the first one is used. Counting decodes none."""

    def __init__(self, rows: Sequence[Row], decode: Callable[[Sequence[Row]], list[RunningPeer]]) -> None:
        self.rows = rows
        self._decode = decode

    @cached_property
    def _peers(self) -> dict[PublicKey, RunningPeer]:
        """Merge the parts of a peer that is split across messages: later parts have its key and more allowed_ips."""
        parts = self._decode(self.rows)
        peers = dict(zip(map(KEY_OF, parts), parts))
        if len(peers) < len(parts):
            # All parts at once: a peer with 100,000 prefixes has a hundred parts.
            for key, same in groupby(parts, KEY_OF):
                first, *rest = same
                allowed_ips = first.allowed_ips.union(*(part.allowed_ips for part in rest))
                peers[key] = first._replace(allowed_ips=allowed_ips) if rest else first
        return peers

    def __eq__(self, other: object) -> bool:
        return self._peers == (other._peers if isinstance(other, DumpedPeers) else other)

    def __getitem__(self, key: PublicKey) -> RunningPeer:
        return self._peers[key]

    def __iter__(self) -> Iterator[PublicKey]:
        return iter(self._peers)

    def __bool__(self) -> bool:
        return bool(self.rows)

    def __len__(self) -> int:
        """Count the records, except later parts of split peers, which are always first in a row."""
        ends = [(find_key(row.data[: row.size]), find_key(row.data[-row.size :])) for row in self.rows]
        rests = sum(last == first for (_first, last), (first, _last) in zip(ends, ends[1:]))
        return sum(len(row.data) // row.size for row in self.rows) - rests

    # The methods of Mapping are slow.
    def items(self) -> ItemsView[PublicKey, RunningPeer]:
        return self._peers.items()

    def values(self) -> ValuesView[RunningPeer]:
        return self._peers.values()


class DeviceDecoder:
    """Decodes the dumps of one device. A record that has not changed since the last dump gives the same object."""

    def __init__(self) -> None:
        self._last: dict[Row, list[RunningPeer]] = {}
        self._expected: dict[bytes, RunningPeer] = {}

    def expect_peers(self, peers: Iterable[tuple[bytes, RunningPeer]]) -> None:
        """Expect these records, with their headers, in the next dump: they are then not decoded."""
        self._expected = dict(peers)

    def decode(self, messages: Iterable[bytes], birth: str = "") -> RunningDevice:
        """Decode all messages of one dump, in order. ``birth``: the namespace of the sockets, for endpoints' scopes."""
        values: dict[int, bytes] = {}
        rows: list[Row] = []
        for data in messages:
            for kind, start, end in decode_attributes(data, 0, len(data)):
                if kind == codec.DEVICE_PEERS:
                    rows += _rows(data, start, end)
                else:
                    values[kind] = data[start:end]
        return _decode_device(values, DumpedPeers(rows, bind_to_netns(birth, self._decode_rows)))

    def _decode_rows(self, rows: Sequence[Row]) -> list[RunningPeer]:
        """Decode the rows of one dump, one peer or part of a peer for each record."""
        decoded = {row: self._last[row] for row in rows if row in self._last}
        new = [row for row in rows if row not in decoded]
        gone = [(row, peers) for row, peers in self._last.items() if row not in decoded]
        known, self._expected = self._expected, {}
        for row, peers in gone:
            known.update(zip(row.cut(), peers))
        for size in {row.size for row in new}:
            alike = [row for row in new if row.size == size]
            together = iter(_decode_known(Row(size, b"".join(row.data for row in alike)), known))
            for row in alike:
                decoded[row] = list(islice(together, len(row.data) // size))
        self._last = decoded
        return list(chain.from_iterable(map(decoded.__getitem__, rows)))


def _decode_known(row: Row, known: dict[bytes, RunningPeer]) -> Iterable[RunningPeer]:
    """Decode the records of a row, but use the known peers for records that have not changed."""
    if not known:
        return _decode_row(row)
    records = row.cut()
    unknown = [record for record in records if record not in known]
    if not unknown:
        return map(known.__getitem__, records)
    decoded = iter(_decode_row(Row(row.size, b"".join(unknown))))
    return [known[record] if record in known else next(decoded) for record in records]


def _decode_row(row: Row) -> Iterable[RunningPeer]:
    """Decode the records of a row in order: those of the same layout together."""
    parts = [(part, decode_alike(part, layout)) for layout, part in row.divide()]
    if len(parts) == 1:
        return parts[0][1]
    peers = dict(chain.from_iterable(zip(part.cut(), decoded) for part, decoded in parts))
    return map(peers.__getitem__, row.cut())


def decode_alike(row: Row, layout: Layout | None) -> Iterable[RunningPeer]:
    """Decode records of one layout. Without a layout, decode them one by one."""
    if layout is None:
        return map(decode_record, row.cut())
    return chain.from_iterable(_decode_columns(piece.unpack(layout)) for piece in row.cut_to_size())


def _decode_columns(columns: Columns) -> Iterable[RunningPeer]:
    prefixes = [map(_new, repeat(Prefix), pairs) for pairs in columns.prefixes]
    values = (
        map(PublicKey, columns.keys),
        map(PresharedKey, columns.secrets),
        map(decode_endpoint, columns.endpoints) if columns.endpoints else repeat(None),
        map(frozenset, zip(*prefixes)) if prefixes else repeat(frozenset()),
        columns.keepalives,
        map(add, columns.seconds, map(truediv, columns.nanoseconds, repeat(1e9))),
        columns.received,
        columns.sent,
    )
    return map(_new, repeat(RunningPeer), zip(*values))


def _attributes(record: bytes) -> Iterator[tuple[int, int, int]]:
    """List kind, start and end of the attributes of a record with its header."""
    return decode_attributes(record, NLA_HEADER.size, NLA_HEADER.unpack_from(record)[0])


def _learn_layout(record: bytes) -> Layout | None:
    """Read the layout of a record, None if it has unusual attributes or another order."""
    found = list(_attributes(record))
    kinds, tail = [kind for kind, _start, _end in found], found[len(_HEAD) :]
    if len(record) > _LARGEST_LAYOUT or kinds[: len(_HEAD)] != list(_HEAD) or kinds[len(_HEAD) :] not in _TAILS:
        return None
    values = [(start, end, _HEAD[kind]) for kind, start, end in found[: len(_HEAD)] if _HEAD[kind]]
    for kind, start, end in tail:
        if kind == codec.PEER_ENDPOINT:
            values.append((start, end, f"{end - start}s"))
            continue
        for _index, first, last in decode_attributes(record, start, end):
            parts = list(decode_attributes(record, first, last))
            if [part for part, _start, _end in parts] != _ALLOWED_IP_KINDS:
                return None
            (_length, *length), _family, (_address, at, stop) = parts
            values += [(length[0], length[1], "B"), (at, stop, f"{stop - at}s")]
    shared = list(enumerate(record))
    for start, end, _format in reversed(values):
        del shared[start:end]
    volatile = [(start, start + 8, _VOLATILE[kind]) for kind, start, _end in found if kind in _VOLATILE]
    volatile += [(start, end, f"{end - start}s") for kind, start, end in tail if kind == codec.PEER_ENDPOINT]
    changing = [at for kind, start, end in found for at in range(start, end) if _is_volatile(kind)]
    structures = (_structure(each, len(record)) for each in (values, volatile))
    return Layout(next(structures), shared, codec.PEER_ENDPOINT in kinds, next(structures), changing)


def _is_volatile(kind: int) -> bool:
    return kind in _VOLATILE or kind == codec.PEER_ENDPOINT


def _structure(values: Iterable[tuple[int, int, str]], size: int) -> struct.Struct:
    """``values``: start, end and format of each, in order."""
    formats, at = ["="], 0
    for start, end, format_ in values:
        formats.append(f"{start - at}x{format_}")
        at = end
    return struct.Struct("".join([*formats, f"{size - at}x"]))


def find_key(record: bytes) -> bytes:
    keys = (record[start:end] for kind, start, end in _attributes(record) if kind == codec.PEER_PUBLIC_KEY)
    return next(keys)


def decode_record(record: bytes) -> RunningPeer:
    """Decode one record attribute by attribute, in any order: the plain path, also for later parts of split peers."""
    values: dict[int, bytes] = {}
    allowed: frozenset[Prefix] = frozenset()
    for kind, first, last in _attributes(record):
        if kind == codec.PEER_ALLOWED_IPS:
            allowed = frozenset(_decode_allowed_ips(record, first, last))
        else:
            values[kind] = record[first:last]
    endpoint = values.get(codec.PEER_ENDPOINT)
    seconds, nanoseconds = _TIMESPEC.unpack(values.get(codec.PEER_LAST_HANDSHAKE, bytes(16)))
    return RunningPeer(
        PublicKey(values[codec.PEER_PUBLIC_KEY]),
        PresharedKey(values.get(codec.PEER_PRESHARED_KEY, ZERO_KEY)),
        decode_endpoint(endpoint) if endpoint else None,
        allowed,
        _U16.unpack(values.get(codec.PEER_KEEPALIVE, b"\0\0"))[0],
        seconds + nanoseconds / 1e9,
        _U64.unpack(values.get(codec.PEER_RX_BYTES, bytes(8)))[0],
        _U64.unpack(values.get(codec.PEER_TX_BYTES, bytes(8)))[0],
    )


def _decode_allowed_ips(data: bytes, start: int, end: int) -> Iterator[Prefix]:
    for _index, first, last in decode_attributes(data, start, end):
        values = {kind: data[begin:stop] for kind, begin, stop in decode_attributes(data, first, last)}
        yield Prefix(values[codec.ALLOWED_IP_ADDRESS], values[codec.ALLOWED_IP_LENGTH][0])


def decode_endpoint(data: bytes) -> Endpoint | None:
    """Decode a ``struct sockaddr_in`` or ``sockaddr_in6``. A link-local address gets its scope, as ``%interface``."""
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


def _decode_device(values: dict[int, bytes], peers: Mapping[PublicKey, RunningPeer]) -> RunningDevice:
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
