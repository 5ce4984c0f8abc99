# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decode dumps of the ``wireguard`` netlink family (get_peer() in drivers/net/wireguard/netlink.c).

A hub may have ten thousand peers, too many to decode attribute by attribute. So peers are decoded when they are first
used; records of one layout are unpacked together, column by column; and of a second dump only the records that differ
from the first are decoded. docs/contributing/large-peer-sets.md shows this with an example record.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, ItemsView, Iterable, Iterator, Mapping, Sequence, ValuesView
from functools import cached_property
from itertools import chain, groupby, islice, repeat
from operator import add, contains, eq, truediv

from .._model.endpoint import Endpoint
from .._model.interface import KEY_OF, DesiredPeer, RunningDevice, RunningPeer, UndecodedPeers
from .._model.keys import ZERO_KEY, PresharedKey, PrivateKey, PublicKey
from .._model.prefix import Prefix
from .._netlink.attributes import decode_attributes
from .._netlink.namespace import bind_to_netns
from . import codec
from .records import Columns, Layout, Row, cut_rows, join_rows, list_attributes

_U16, _U32, _U64 = struct.Struct("=H"), struct.Struct("=I"), struct.Struct("=Q")
_TIMESPEC = struct.Struct("=qq")
_PORT = struct.Struct("!H")
_NEVER = bytes(16)
# Makes a named tuple from all its fields, without the cost of the class's own __new__.
_new = tuple.__new__


class DumpedPeers(UndecodedPeers):
    """The peers of a dump, in its order. All are decoded when the first one is used. Counting decodes none."""

    def __init__(self, rows: Sequence[Row], decode: Callable[[Sequence[Row]], list[RunningPeer]]) -> None:
        self._rows = rows
        self._decode = decode

    @cached_property
    def _peers(self) -> dict[PublicKey, RunningPeer]:
        """Merge the parts of a peer that is split across messages: later parts have its key and more allowed_ips."""
        parts = self._decode(self._rows)
        peers = dict(zip(map(KEY_OF, parts), parts))
        if len(peers) < len(parts):
            return {key: _merge_parts(list(same)) for key, same in groupby(parts, KEY_OF)}
        return peers

    def __eq__(self, other: object) -> bool:
        return self._peers == (other._peers if isinstance(other, DumpedPeers) else other)

    def __getitem__(self, key: PublicKey) -> RunningPeer:
        return self._peers[key]

    def __iter__(self) -> Iterator[PublicKey]:
        return iter(self._peers)

    def __bool__(self) -> bool:
        return bool(self._rows)

    def __len__(self) -> int:
        """Count the records, without the later parts of split peers, with which a row may begin."""
        ends = [(_find_key(row.data[: row.size]), _find_key(row.data[-row.size :])) for row in self._rows]
        rests = sum(last == first for (_first, last), (first, _last) in zip(ends, ends[1:]))
        return sum(len(row.data) // row.size for row in self._rows) - rests

    def have_settings(self, wanted: Sequence[DesiredPeer]) -> bool:
        if sum(len(row.data) // row.size for row in self._rows) != len(wanted):
            return False
        by_key: dict[bytes, DesiredPeer] = dict(zip(map(KEY_OF, wanted), wanted))
        parts = chain.from_iterable(map(Row.divide, join_rows(self._rows)))
        return all(
            layout is not None and all(_have_settings(columns, by_key) for columns in part.unpack(layout))
            for layout, part in parts
        )

    # Those of Mapping are slow.
    def items(self) -> ItemsView[PublicKey, RunningPeer]:
        return self._peers.items()

    def values(self) -> ValuesView[RunningPeer]:
        return self._peers.values()


def _merge_parts(parts: Sequence[RunningPeer]) -> RunningPeer:
    """All at once: a peer of a hundred thousand prefixes has a hundred parts."""
    first, *rest = parts
    return first._replace(allowed_ips=first.allowed_ips.union(*(part.allowed_ips for part in rest))) if rest else first


class DeviceDecoder:
    """Decodes the dumps of one device. A record that has not changed since the last dump gives the same object."""

    def __init__(self) -> None:
        # As pairs, since hashing a whole dump takes time that a run with a single one need not spend.
        self._last: list[tuple[Row, list[RunningPeer]]] = []
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
                    rows += cut_rows(data, start, end)
                else:
                    values[kind] = data[start:end]
        return _decode_device(values, DumpedPeers(rows, bind_to_netns(birth, self._decode_rows)))

    def _decode_rows(self, rows: Sequence[Row]) -> list[RunningPeer]:
        """Decode the rows of one dump, one peer or part of a peer for each record."""
        decoded, known = self._recall(rows)
        for size in {row.size for row, peers in zip(rows, decoded) if not peers}:
            alike = [(row, peers) for row, peers in zip(rows, decoded) if not peers and row.size == size]
            together = iter(_decode_known(Row(size, b"".join(row.data for row, _peers in alike)), known))
            for row, peers in alike:
                peers += islice(together, len(row.data) // size)
        self._last = list(zip(rows, decoded))
        return list(chain.from_iterable(decoded))

    def _recall(self, rows: Sequence[Row]) -> tuple[list[list[RunningPeer]], dict[bytes, RunningPeer]]:
        """List the peers of each row, none where the last dump lacks it. Then the other known peers by record."""
        known, self._expected = self._expected, {}
        if not self._last:
            return [[] for _row in rows], known
        last = dict(self._last)
        for row in last.keys() - set(rows):
            known.update(zip(row.cut(), last[row]))
        return [last.get(row, []) for row in rows], known


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
    parts = [(part, _decode_alike(part, layout)) for layout, part in row.divide()]
    if len(parts) == 1:
        return parts[0][1]
    peers = dict(chain.from_iterable(zip(part.cut(), decoded) for part, decoded in parts))
    return map(peers.__getitem__, row.cut())


def _decode_alike(row: Row, layout: Layout | None) -> Iterable[RunningPeer]:
    if layout is None:
        return map(_decode_record, row.cut())
    return chain.from_iterable(map(_decode_columns, row.unpack(layout)))


def _decode_columns(columns: Columns) -> Iterable[RunningPeer]:
    prefixes = [map(_new, repeat(Prefix), pairs) for pairs in columns.prefixes]
    values = (
        map(PublicKey, columns.keys),
        PresharedKey.wrap_all(columns.secrets),
        map(decode_endpoint, columns.endpoints) if columns.endpoints else repeat(None),
        map(frozenset, zip(*prefixes)) if prefixes else repeat(frozenset()),
        columns.keepalives,
        map(add, columns.seconds, map(truediv, columns.nanoseconds, repeat(1e9))),
        columns.received,
        columns.sent,
    )
    return map(_new, repeat(RunningPeer), zip(*values))


def _have_settings(columns: Columns, wanted: Mapping[bytes, DesiredPeer]) -> bool:
    """As ``DumpedPeers.have_settings``, for the peers of these columns. A pair equals the Prefix of its values."""
    found = list(filter(None, map(wanted.get, columns.keys)))
    if len(found) < len(columns.keys):
        return False
    _keys, _names, secrets, endpoints, allowed_ips, keepalives = zip(*found)
    if any(endpoints) or None in allowed_ips:
        return False
    return (
        all(given is None or given == has for given, has in zip(keepalives, columns.keepalives))
        and all(given is None or given.reveal_bytes() == has for given, has in zip(secrets, columns.secrets))
        and all(map(eq, map(len, allowed_ips), repeat(len(columns.prefixes))))
        and all(all(map(contains, allowed_ips, pairs)) for pairs in columns.prefixes)
    )


def _find_key(record: bytes) -> bytes:
    keys = (record[start:end] for kind, start, end in list_attributes(record) if kind == codec.PEER_PUBLIC_KEY)
    return next(keys)


def _decode_record(record: bytes) -> RunningPeer:
    """Decode one record attribute by attribute, in any order: the plain path, also for later parts of split peers."""
    values: dict[int, bytes] = {}
    allowed: frozenset[Prefix] = frozenset()
    for kind, first, last in list_attributes(record):
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
    if data == _NEVER:
        return 0.0
    seconds, nanoseconds = _TIMESPEC.unpack(data)
    return float(seconds + nanoseconds / 1e9)


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
