# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Netlink attributes: type, length, value, padded to four bytes (include/uapi/linux/netlink.h)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

NLA_HEADER = struct.Struct("=HH")
NLA_F_NESTED = 0x8000
NLA_TYPE_MASK = 0x3FFF
# The length of an attribute has 16 bits, its header included.
NLA_MAX_PAYLOAD = 0xFFFF - NLA_HEADER.size

_PADDING = (b"", b"\0\0\0", b"\0\0", b"\0")


def encode_attribute(kind: int, payload: bytes) -> bytes:
    size = len(payload)
    if size > NLA_MAX_PAYLOAD:
        raise ValueError(f"an attribute holds {NLA_MAX_PAYLOAD} bytes, not {size}")
    return NLA_HEADER.pack(size + 4, kind) + payload + _PADDING[size & 3]


def encode_nested(kind: int, payload: bytes) -> bytes:
    return encode_attribute(kind | NLA_F_NESTED, payload)


def decode_attributes(data: bytes, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield type, start and end of each attribute's value in ``data[start:end]``. Raises ValueError for a torn one."""
    unpack = NLA_HEADER.unpack_from
    while start + 4 <= end:
        size, kind = unpack(data, start)
        if size < 4 or start + size > end:
            raise ValueError(f"torn netlink attribute at byte {start}")
        yield kind & NLA_TYPE_MASK, start + 4, start + size
        start += (size + 3) & ~3
