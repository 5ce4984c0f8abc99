# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Encode many new peers at once: their entries in a set message, and their expected records in the next dump.

A new hub may have ten thousand peers. The fields are encoded column by column, as docs/contributing/large-peer-sets.md
explains. A record of the next dump that is as expected need not be decoded.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain, islice, repeat
from operator import add

from .._model.interface import RunningPeer
from .._model.keys import ZERO_KEY
from .._model.prefix import Prefix
from .._netlink.attributes import NLA_F_NESTED, NLA_HEADER, encode_attribute
from . import codec
from .codec import PRESHARED_KEY_HEADER, PUBLIC_KEY_HEADER, encode_endpoint, encode_keepalive

_NO_PRESHARED_KEY = PRESHARED_KEY_HEADER + ZERO_KEY
_NO_HANDSHAKE = encode_attribute(codec.PEER_LAST_HANDSHAKE, bytes(16))
_NO_TRAFFIC = (
    encode_attribute(codec.PEER_TX_BYTES, bytes(8))
    + encode_attribute(codec.PEER_RX_BYTES, bytes(8))
    + encode_attribute(codec.PEER_PROTOCOL_VERSION, struct.pack("=I", 1))
)


def encode_new_peers(peers: Sequence[RunningPeer]) -> tuple[list[bytes], list[bytes]]:
    """Encode each peer twice: its entry in a set message, and its record in a dump while the peer is still unused.

    No peer may have more than ``codec.PREFIXES_A_MESSAGE`` prefixes. Raises KernelError as ``encode_endpoint`` does.
    The records are those of get_peer() in drivers/net/wireguard/netlink.c. If a kernel writes others, they are decoded.
    """
    if not peers:
        return [], []
    keys, secrets, endpoints, allowed_ips, intervals, *_counters = zip(*peers)
    public_keys = [PUBLIC_KEY_HEADER + key for key in keys]
    preshared_keys = [PRESHARED_KEY_HEADER + secret.reveal_bytes() for secret in secrets]
    keepalives = list(map(encode_keepalive, intervals))
    sockaddrs = [
        encode_attribute(codec.PEER_ENDPOINT, encode_endpoint(endpoint)) if endpoint else b"" for endpoint in endpoints
    ]
    nests = _encode_nests(allowed_ips)
    entries = zip(
        public_keys,
        [each if each != _NO_PRESHARED_KEY else b"" for each in preshared_keys],
        sockaddrs,
        [each if interval else b"" for each, interval in zip(keepalives, intervals)],
        nests,
    )
    records = zip(public_keys, preshared_keys, repeat(_NO_HANDSHAKE), keepalives, repeat(_NO_TRAFFIC), sockaddrs, nests)
    return _nested(0, map(b"".join, entries)), _nested(0, map(b"".join, records))


def _encode_nests(allowed_ips: Sequence[frozenset[Prefix]]) -> list[bytes]:
    """Encode the allowed IPs of each peer as one attribute: IPv4 first, then shorter prefix lengths first."""
    encoded = iter(codec.encode_prefixes(chain.from_iterable(allowed_ips)))
    counted = map(islice, repeat(encoded), map(len, allowed_ips))
    return _nested(codec.PEER_ALLOWED_IPS, map(b"".join, map(sorted, counted)))


def _nested(kind: int, bodies: Iterable[bytes]) -> list[bytes]:
    whole = list(bodies)
    return list(map(add, map(_nest_header, repeat(kind), map(len, whole)), whole))


@lru_cache(maxsize=1024)
def _nest_header(kind: int, size: int) -> bytes:
    """Return the header of nested attributes, or nothing if there are none: the kernel leaves those out."""
    return NLA_HEADER.pack(NLA_HEADER.size + size, kind | NLA_F_NESTED) if size else b""
