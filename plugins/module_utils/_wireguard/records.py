# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The records of peers in a dump as bytes: rows of records of one size, and the columns of those of one layout.

docs/contributing/large-peer-sets.md shows this with an example record.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from .._netlink.attributes import NLA_HEADER, decode_attributes
from . import codec

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
# How many records are unpacked into columns at a time. The memory of their values is used again for the next ones: new
# memory costs more than the decoding.
_RECORDS_AT_ONCE = 256


class Layout(NamedTuple):
    """How to unpack records that are alike: all their bytes except the values are the same.

    ``structure`` has the values of ``_HEAD``, then the endpoint if there is one, and the length and address
    of each allowed IP. ``shared``: the position and value of each byte that belongs to no value.
    """

    structure: struct.Struct
    shared: list[tuple[int, int]]
    has_endpoint: bool


class Columns(NamedTuple):
    """What is in records of one layout, each value of all of them. ``prefixes``: pairs of address and length."""

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

    def unpack(self, layout: Layout) -> Iterator[Columns]:
        """Unpack the records, which all have this layout, some at a time."""
        step = _RECORDS_AT_ONCE * self.size
        for start in range(0, len(self.data), step):
            values = layout.structure.iter_unpack(self.data[start : start + step])
            keys, secrets, seconds, nanoseconds, keepalives, sent, received, *rest = zip(*values)
            endpoints = rest.pop(0) if layout.has_endpoint else None
            prefixes = list(map(zip, rest[1::2], rest[::2]))
            yield Columns(keys, secrets, seconds, nanoseconds, keepalives, sent, received, endpoints, prefixes)

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


def cut_rows(data: bytes, start: int, end: int) -> Iterator[Row]:
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


def join_rows(rows: Sequence[Row]) -> Iterator[Row]:
    """Join all rows of each size."""
    for size in {row.size for row in rows}:
        yield Row(size, b"".join(row.data for row in rows if row.size == size))


def list_attributes(record: bytes) -> Iterator[tuple[int, int, int]]:
    """List kind, start and end of the attributes of a record with its header."""
    return decode_attributes(record, NLA_HEADER.size, NLA_HEADER.unpack_from(record)[0])


def _learn_layout(record: bytes) -> Layout | None:
    """Read the layout of a record, None if it has unusual attributes or another order."""
    found = list(list_attributes(record))
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
    formats, shared, at = ["="], list(enumerate(record)), 0
    for start, end, format_ in values:
        formats.append(f"{start - at}x{format_}")
        at = end
    formats.append(f"{len(record) - at}x")
    for start, end, _format in reversed(values):
        del shared[start:end]
    return Layout(struct.Struct("".join(formats)), shared, codec.PEER_ENDPOINT in kinds)
