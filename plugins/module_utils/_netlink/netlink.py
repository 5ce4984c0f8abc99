# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A netlink socket: requests, dumps and every acknowledgement (RFC 3549, include/uapi/linux/netlink.h)."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TypeVar

from .attributes import decode_attributes
from .errors import KernelError

NLMSG_HEADER = struct.Struct("=IHHII")
NLMSG_ERROR, NLMSG_DONE = 2, 3
NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP_INTR, NLM_F_DUMP = 0x1, 0x4, 0x10, 0x300
NLM_F_CAPPED, NLM_F_ACK_TLVS = 0x100, 0x200
NLM_F_REPLACE, NLM_F_EXCL, NLM_F_CREATE, NLM_F_APPEND = 0x100, 0x200, 0x400, 0x800
_SOL_NETLINK, _NETLINK_CAP_ACK, _NETLINK_EXT_ACK, _NETLINK_GET_STRICT_CHK = 270, 10, 11, 12
_NLMSGERR_ATTR_MSG = 1

# The kernel fills dump messages up to the largest receive buffer used on the socket so far (32 KiB at most). A smaller
# buffer in a later receive would cut them, so every receive uses 64 KiB.
RECEIVE_BYTES = 65536
# How often a dump is tried while other programs change the device.
DUMP_ATTEMPTS = 20

_SelfT = TypeVar("_SelfT", bound="Netlink")


class Netlink:
    """One socket to one netlink protocol. Use it as a context manager."""

    def __init__(self, protocol: int) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
        # Capped acknowledgements do not echo the request, which may hold a private key.
        self._socket.setsockopt(_SOL_NETLINK, _NETLINK_CAP_ACK, 1)
        self._socket.setsockopt(_SOL_NETLINK, _NETLINK_EXT_ACK, 1)
        # Dumps then use the filter in their request instead of ignoring it.
        self._socket.setsockopt(_SOL_NETLINK, _NETLINK_GET_STRICT_CHK, 1)
        self._socket.bind((0, 0))
        self._sequence = 0

    def __enter__(self: _SelfT) -> _SelfT:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def request(self, kind: int, payload: bytes, doing: str, flags: int = 0) -> list[bytes]:
        """Send one message and wait for its acknowledgement. Return the payloads of the replies before it.

        Raises KernelError.
        """
        return self._exchange(kind, payload, NLM_F_ACK | flags, doing)[0]

    def dump(self, kind: int, payload: bytes, doing: str) -> list[bytes]:
        """Return the payloads of a complete, consistent dump. Raises KernelError, also if it stays interrupted."""
        for _attempt in range(DUMP_ATTEMPTS):
            replies, interrupted = self._exchange(kind, payload, NLM_F_DUMP, doing)
            if not interrupted:
                return replies
        raise KernelError(errno.EINTR, doing, f"it changed during each of {DUMP_ATTEMPTS} attempts to read it")

    def _exchange(self, kind: int, payload: bytes, flags: int, doing: str) -> tuple[list[bytes], bool]:
        """Send a message. Return the replies, and whether they are inconsistent or incomplete.

        They are if the object changed meanwhile (NLM_F_DUMP_INTR), or the kernel had no memory for a part. All replies
        are read: a dump that is not read to its end blocks the device and the next dump.
        """
        self._sequence += 1
        size = NLMSG_HEADER.size + len(payload)
        header = NLMSG_HEADER.pack(size, kind, NLM_F_REQUEST | flags, self._sequence, 0)
        with _doing(doing):
            self._socket.send(header + payload)
        interrupted = False
        replies: list[bytes] = []
        done = False
        losses = 0
        while not done:
            try:
                data, _ancillary, message_flags, _address = self._socket.recvmsg(RECEIVE_BYTES)
            except OSError as error:
                losses += 1
                if error.errno != errno.ENOBUFS or flags != NLM_F_DUMP or losses == DUMP_ATTEMPTS:
                    raise KernelError(error.errno or errno.EIO, doing) from None
                interrupted = True
                continue
            if message_flags & socket.MSG_TRUNC:
                raise KernelError(errno.EMSGSIZE, doing, f"a netlink reply was longer than {RECEIVE_BYTES} bytes")
            for reply_kind, reply_flags, start, end in self._messages(data):
                interrupted |= bool(reply_flags & NLM_F_DUMP_INTR)
                if reply_kind in (NLMSG_ERROR, NLMSG_DONE):
                    _raise_for(data, reply_kind, reply_flags, start, end, doing)
                    done = True
                else:
                    replies.append(data[start:end])
        return replies, interrupted

    def _messages(self, data: bytes) -> Iterator[tuple[int, int, int, int]]:
        """Yield type, flags, start and end of the payload of each reply to our request in one datagram."""
        offset = 0
        while offset + NLMSG_HEADER.size <= len(data):
            size, kind, flags, sequence, _pid = NLMSG_HEADER.unpack_from(data, offset)
            if size < NLMSG_HEADER.size:
                raise ValueError(f"torn netlink message at byte {offset}")
            if sequence == self._sequence:
                yield kind, flags, offset + NLMSG_HEADER.size, offset + size
            offset += (size + 3) & ~3


@contextmanager
def _doing(what: str) -> Iterator[None]:
    """Raise errors of the socket as KernelError, with what was being done."""
    try:
        yield
    except OSError as error:
        raise KernelError(error.errno or errno.EIO, what) from None


def _raise_for(data: bytes, kind: int, flags: int, start: int, end: int, doing: str) -> None:
    """Raise KernelError if an acknowledgement or the end of a dump has an error."""
    number = -struct.unpack_from("=i", data, start)[0] if end - start >= 4 else 0
    if number <= 0:
        return
    message = ""
    attributes = start + 4 + (NLMSG_HEADER.size if kind == NLMSG_ERROR else 0)
    if flags & NLM_F_ACK_TLVS and (kind == NLMSG_DONE or flags & NLM_F_CAPPED):
        for attribute, first, last in decode_attributes(data, attributes, end):
            if attribute == _NLMSGERR_ATTR_MSG:
                message = data[first:last].rstrip(b"\0").decode("utf-8", "replace")
    raise KernelError(number, doing, message)
