# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The addresses, routes and rules of a link as the kernel's own bytes, for tests that must not trust our decoder.

Messages are split into header and attributes and no further. Only what must differ between two readings is replaced:
the index of the link, what an address is until the kernel has looked for duplicates, and times, of which it is kept
whether there are any.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

Message = tuple[str, bytes, tuple[tuple[int, bytes], ...]]

_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_DUMP = 0x1 | 0x300
_DONE, _ERROR = 3, 2
_GET = {"address": 22, "route": 26, "rule": 34}
_HEADERS = {"address": 8, "route": 12, "rule": 12}
_LINK = b"LINK"
# Attributes that hold the index of a link: RTA_OIF and RTA_MULTIPATH.
_WITH_INDEX = {"route": {4, 9}}
# IFA_F_TENTATIVE: the kernel is still looking for duplicates.
_TENTATIVE = 0x40
_FOREVER = b"\xff" * 4


def link_messages(name: str) -> list[Message]:
    """All that the kernel says of the addresses and routes of this link and of the rules, sorted, of both families."""
    index = struct.pack("=I", socket.if_nametoindex(name))
    found = []
    for family in (socket.AF_INET, socket.AF_INET6):
        for what in _GET:
            for payload in _dump(what, family):
                header, attributes = payload[: _HEADERS[what]], dict(_split(payload[_HEADERS[what] :]))
                of_link = {
                    "address": header[4:8] == index,
                    "route": attributes.get(4) == index or index in attributes.get(9, b""),
                    "rule": True,
                }
                if of_link[what]:
                    found.append(_settled(what, header, attributes, index))
    return sorted(found)


def _settled(what: str, header: bytes, attributes: dict[int, bytes], index: bytes) -> Message:
    if what == "address":
        header = bytes([*header[:2], header[2] & ~_TENTATIVE, header[3]]) + _LINK
        attributes[8] = struct.pack("=I", struct.unpack("=I", attributes[8])[0] & ~_TENTATIVE)
        preferred, valid = attributes[6][:4], attributes[6][4:8]
        attributes[6] = bytes([preferred == _FOREVER, valid == _FOREVER])
    if what == "route" and 12 in attributes:
        attributes[12] = bytes([any(attributes[12][8:12])])
    for number in _WITH_INDEX.get(what, ()):
        if number in attributes:
            attributes[number] = attributes[number].replace(index, _LINK)
    return what, header, tuple(sorted(attributes.items()))


def _dump(what: str, family: int) -> Iterator[bytes]:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as netlink:
        netlink.bind((0, 0))
        body = struct.pack("=B", family) + bytes(_HEADERS[what] - 1)
        netlink.send(_HEADER.pack(_HEADER.size + len(body), _GET[what], _DUMP, 1, 0) + body)
        while True:
            data = netlink.recv(65536)
            while data:
                size, kind, *_rest = _HEADER.unpack_from(data)
                if kind == _DONE:
                    return
                assert kind != _ERROR
                yield data[_HEADER.size : size]
                data = data[(size + 3) & ~3 :]


def _split(data: bytes) -> Iterator[tuple[int, bytes]]:
    while data:
        size, kind = _ATTRIBUTE.unpack_from(data)
        yield kind & 0x3FFF, data[_ATTRIBUTE.size : size]
        data = data[(size + 3) & ~3 :]
