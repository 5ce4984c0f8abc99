# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The samples of an interface's peers as text. Pure.

A hub may have ten thousand peers with four lines each. What stands in these lines before the values changes with the
configuration only, so it is made once and remembered: a template for each group of records that are alike, which one
``%`` fills with all values of the group (docs/contributing/large-peer-sets.md).
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from .._model.interface import SESSION_SECONDS, RunningPeer
from .._model.keys import PublicKey
from .._model.prefix import Prefix, sort_prefixes
from .._wireguard.compare import decode_each, join_rows, set_split_apart
from .._wireguard.decode import DumpedPeers, Layout, Row, decode_alike, decode_endpoint
from .exposition import HANDSHAKE, PEER_INFO, PEERS, RECEIVED, SENT, Exposition, escape, render_labels

# struct sockaddr_in: the port, and the four bytes of the address.
_IPV4 = struct.Struct("!2xHBBBB8x")

# By their keys as text.
Names = Mapping[str, str]


class Labels(NamedTuple):
    """Of each peer of a piece one line: the labels of its values, and those of its endpoint up to the endpoint.

    Every ``%`` is doubled, as in all templates.
    """

    values: bytes
    endpoint: bytes


class Piece(NamedTuple):
    """So many records of one layout as are unpacked at a time."""

    row: Row
    layout: Layout


class Values(NamedTuple):
    """What changes by itself, a column each of all peers of a piece. An endpoint is empty where there is none."""

    seconds: tuple[int, ...]
    sent: tuple[int, ...]
    received: tuple[int, ...]
    endpoints: tuple[bytes, ...]


class PeerGroups(NamedTuple):
    """The peers of a dump: pieces of records that are alike, and the others, decoded one by one."""

    pieces: list[Piece]
    others: list[RunningPeer]

    @property
    def identity(self) -> str:
        """A digest of all that is settled. It says nothing about the preshared keys in it."""
        digest = hashlib.blake2b(digest_size=32)
        for row, layout in self.pieces:
            digest.update(b"%d %d " % (row.size, len(row.data)))
            digest.update(row.without_volatile(layout))
        for peer in self.others:
            prefixes = [tuple(prefix) for prefix in sorted(peer.allowed_ips)]
            settled = (bytes(peer.public_key), peer.preshared_key.reveal_bytes(), peer.persistent_keepalive, prefixes)
            digest.update(repr(settled).encode())
        return digest.hexdigest()


def group_peers(peers: Mapping[PublicKey, RunningPeer]) -> PeerGroups:
    """Group the peers of a dump. Any other mapping is taken one by one."""
    if not isinstance(peers, DumpedPeers):
        return PeerGroups([], list(peers.values()))
    whole, split = set_split_apart(peers.rows)
    others = list(DumpedPeers(split, decode_each).values())
    pieces: list[Piece] = []
    for layout, row in chain.from_iterable(map(Row.divide, join_rows(whole))):
        if layout is None:
            others += decode_alike(row, layout)
        else:
            pieces += (Piece(piece, layout) for piece in row.cut_to_size())
    return PeerGroups(pieces, others)


def _unpack_values(piece: Piece) -> Values:
    seconds, sent, received, *endpoints = zip(*piece.layout.volatile.iter_unpack(piece.row.data))
    return Values(seconds, sent, received, endpoints[0] if endpoints else (b"",) * len(seconds))


def label_pieces(found: PeerGroups, interface: str, names: Names) -> list[Labels]:
    """Make the labels of the pieces, in their order. This is what takes long, and is remembered."""
    return [_label_piece(piece, interface, names) for piece in found.pieces]


def _label_piece(piece: Piece, interface: str, names: Names) -> Labels:
    keys, *_rest, prefixes = piece.row.unpack(piece.layout)
    owned = zip(*prefixes) if prefixes else ((),) * len(keys)
    lines = [
        _labels_of(PublicKey(key), [Prefix(*pair) for pair in pairs], interface, names)
        for key, pairs in zip(keys, owned)
    ]
    values, endpoints = zip(*lines)
    return Labels(_template(values), _template(endpoints))


def _template(lines: Iterable[str]) -> bytes:
    return "\n".join(lines).replace("%", "%%").encode()


def _labels_of(key: PublicKey, prefixes: Iterable[Prefix], interface: str, names: Names) -> tuple[str, str]:
    """The labels of a peer's values, and those of its endpoint up to the endpoint."""
    text = str(key)
    peer = {"interface": interface, "public_key": text}
    allowed = ",".join(map(str, sort_prefixes(prefixes)))
    values = render_labels({**peer, "allowed_ips": allowed, "friendly_name": names.get(text, "")})
    return values, render_labels({**peer, "endpoint": ""})[: -len('"}')]


def add_peers(
    exposition: Exposition, found: PeerGroups, labels: Sequence[Labels], interface: str, names: Names, now: float
) -> None:
    """Add the samples of all peers. ``labels`` are those of ``label_pieces``.

    The lines are made when they are written, a piece at a time: memory that is used again costs less than new one.
    """
    values = list(map(_unpack_values, found.pieces))
    add = exposition.add_lines
    add(SENT, (_fill(SENT, each.values, column.sent) for each, column in zip(labels, values)))
    add(RECEIVED, (_fill(RECEIVED, each.values, column.received) for each, column in zip(labels, values)))
    add(HANDSHAKE, (_fill(HANDSHAKE, each.values, column.seconds) for each, column in zip(labels, values)))
    add(PEER_INFO, (_fill_endpoints(each.endpoint, column.endpoints) for each, column in zip(labels, values)))
    for peer in found.others:
        _add_peer(exposition, peer, interface, names)
    seconds = [*chain.from_iterable(column.seconds for column in values)]
    seconds += (int(peer.latest_handshake) for peer in found.others)
    for state, count in _count_states(seconds, now).items():
        exposition.add(PEERS, count, interface=interface, state=state)


def _add_peer(exposition: Exposition, peer: RunningPeer, interface: str, names: Names) -> None:
    labels, endpoint = (text.encode() for text in _labels_for(peer, interface, names))
    values = ((SENT, peer.transfer_tx), (RECEIVED, peer.transfer_rx), (HANDSHAKE, int(peer.latest_handshake)))
    for metric, value in values:
        exposition.add_lines(metric, [metric.encode() + labels + b" %d\n" % value])
    shown = escape(str(peer.endpoint or "")).encode()
    exposition.add_lines(PEER_INFO, [PEER_INFO.encode() + endpoint + shown + b'"} 1\n'])


def _labels_for(peer: RunningPeer, interface: str, names: Names) -> tuple[str, str]:
    return _labels_of(peer.public_key, peer.allowed_ips, interface, names)


def _fill(metric: str, labels: bytes, values: tuple[int, ...]) -> bytes:
    return _lines(metric, labels, b" %d\n") % values


def _lines(metric: str, labels: bytes, rest: bytes) -> bytes:
    """The metric before, and the rest after each line of the labels."""
    name = metric.encode()
    return name + labels.replace(b"\n", rest + name) + rest


def _fill_endpoints(labels: bytes, endpoints: Sequence[bytes]) -> bytes:
    if all(len(each) == _IPV4.size for each in endpoints):
        ports, *address = zip(*_IPV4.iter_unpack(b"".join(endpoints)))
        template = _lines(PEER_INFO, labels, b'%d.%d.%d.%d:%d"} 1\n')
        return template % tuple(chain.from_iterable(zip(*address, ports)))
    shown = (escape(str(decode_endpoint(each) or "")).encode() if each else b"" for each in endpoints)
    return _lines(PEER_INFO, labels, b'%b"} 1\n') % tuple(shown)


def _count_states(seconds: Sequence[int], now: float) -> dict[str, int]:
    """``seconds``: when the last handshake of each peer was."""
    never = seconds.count(0)
    connected = sum(map(max(1, int(now - SESSION_SECONDS)).__le__, seconds))
    return {"connected": connected, "idle": len(seconds) - connected - never, "never": never}
