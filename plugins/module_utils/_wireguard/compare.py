# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare the peers of a dump with the wanted ones, and decode few of them (docs/contributing/large-peer-sets.md)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, repeat
from operator import contains, eq

from .._model.interface import KEY_OF, DesiredPeer, RunningPeer
from .._model.keys import PublicKey
from .._model.peers import Proven
from .decode import Columns, DumpedPeers, Row, decode_alike, decode_record, find_key

# If more peers than this differ, and more than match, it is faster to decode them all.
_MANY = 1000


def find_proven(peers: Mapping[PublicKey, RunningPeer], wanted: Sequence[DesiredPeer]) -> Proven | None:
    """Find the peers that have all given settings. The others are decoded.

    Return None if the peers are not from a dump, or if most of them would be decoded. A peer with a configured endpoint
    is never proven.
    """
    if not isinstance(peers, DumpedPeers):
        return None
    by_key: dict[bytes, DesiredPeer] = dict(zip(map(KEY_OF, wanted), wanted))
    keys: set[bytes] = set()
    others: dict[PublicKey, RunningPeer] = {}
    whole, split = set_split_apart(peers.rows)
    for key, peer in DumpedPeers(split, decode_each).items():
        if _agrees(peer, by_key.get(key)):
            keys.add(key)
        else:
            others[key] = peer
    for layout, part in chain.from_iterable(map(Row.divide, join_rows(whole))):
        for piece in part.cut_to_size():
            columns = piece.unpack(layout) if layout else None
            if columns and _have_settings(columns, by_key):
                keys.update(columns.keys)
            else:
                found = list(decode_alike(piece, layout))
                others.update(zip(map(KEY_OF, found), found))
            if len(others) > _MANY and len(others) > len(keys):
                return None
    return Proven(keys, others) if len(others) <= len(keys) else None


def set_split_apart(rows: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """Separate peers that are split across messages. Return the other rows, and the records of split peers in order."""
    ends = [(find_key(row.data[: row.size]), find_key(row.data[-row.size :])) for row in rows]
    joints = [False, *(last == first for (_first, last), (first, _last) in zip(ends, ends[1:])), False]
    whole, split = [], []
    for row, is_rest, goes_on in zip(rows, joints, joints[1:]):
        start = row.size if is_rest else 0
        end = max(start, len(row.data) - (row.size if goes_on else 0))
        whole.append(Row(row.size, row.data[start:end]))
        split += [Row(row.size, part) for part in (row.data[:start], row.data[end:])]
    return [row for row in whole if row.data], [row for row in split if row.data]


def decode_each(rows: Sequence[Row]) -> list[RunningPeer]:
    """Decode rows of one record each."""
    return [decode_record(row.data) for row in rows]


def join_rows(rows: Sequence[Row]) -> Iterator[Row]:
    """Join all rows of the same record size."""
    for size in {row.size for row in rows}:
        yield Row(size, b"".join(row.data for row in rows if row.size == size))


def _agrees(peer: RunningPeer, wanted: DesiredPeer | None) -> bool:
    return (
        wanted is not None
        and not wanted.endpoint
        and all(
            given is None or given == has
            for given, has in (
                (wanted.allowed_ips, peer.allowed_ips),
                (wanted.preshared_key, peer.preshared_key),
                (wanted.persistent_keepalive, peer.persistent_keepalive),
            )
        )
    )


def _have_settings(columns: Columns, wanted: Mapping[bytes, DesiredPeer]) -> bool:
    """Whether all peers of these columns have their wanted settings, as in ``_agrees``.

    A tuple of address and length equals the Prefix.
    """
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
