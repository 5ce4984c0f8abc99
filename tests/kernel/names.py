# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A name server in a namespace, and what looks after the name servers of this machine."""

from __future__ import annotations

import os
import shutil
import socket
import struct
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from ansible_collections.cryptokey.wireguard.tests.kernel.namespaces import Namespace, run

RESOLV_CONF = Path("/etc/resolv.conf")
_A = 1
_HEADER = struct.Struct("!6H")
_ANSWERS, _NO_SUCH_NAME = 0x8580, 0x8583


class NameServer:
    """Knows a few names with their IPv4 addresses, and remembers what it was asked."""

    def __init__(self, host: Namespace, address: str, names: Mapping[str, str]) -> None:
        self._names = names
        self.asked: set[str] = set()
        with host.entered():
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((address, 53))
        self._socket.settimeout(0.2)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> NameServer:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stopped.set()
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while not self._stopped.is_set():
            with suppress(TimeoutError):
                query, client = self._socket.recvfrom(4096)
                self._socket.sendto(self._reply(query), client)

    def _reply(self, query: bytes) -> bytes:
        """The question again, with the address behind it where that was asked for (RFC 1035, section 4)."""
        labels, at = [], _HEADER.size
        while query[at]:
            labels.append(query[at + 1 : at + 1 + query[at]].decode("ascii").lower())
            at += 1 + query[at]
        (kind,) = struct.unpack_from("!H", query, at + 1)
        name = ".".join(labels)
        self.asked.add(name)
        address = self._names.get(name)
        answers = []
        if address and kind == _A:
            answers = [b"\xc0\x0c" + struct.pack("!HHIH", _A, 1, 1, 4) + socket.inet_aton(address)]
        flags = _ANSWERS if address else _NO_SUCH_NAME
        header = _HEADER.pack(int.from_bytes(query[:2], "big"), flags, 1, len(answers), 0, 0)
        return header + query[_HEADER.size : at + 5] + b"".join(answers)


@contextmanager
def resolved() -> Iterator[None]:
    """systemd-resolved runs, and the C library asks it."""
    run("systemctl", "start", "systemd-resolved")
    RESOLV_CONF.unlink()
    RESOLV_CONF.symlink_to("/run/systemd/resolve/stub-resolv.conf")
    try:
        yield
    finally:
        run("systemctl", "stop", "systemd-resolved")


@contextmanager
def openresolv() -> Iterator[None]:
    """resolvconf is openresolv, which writes what the C library reads."""
    path = os.environ["PATH"]
    os.environ["PATH"] = f"/opt/openresolv/sbin:/opt/openresolv/usr/sbin:{path}"
    try:
        yield
    finally:
        os.environ["PATH"] = path
        shutil.rmtree("/run/resolvconf", ignore_errors=True)


@contextmanager
def restored_resolv_conf() -> Iterator[None]:
    text = RESOLV_CONF.read_bytes()
    try:
        yield
    finally:
        RESOLV_CONF.unlink()
        RESOLV_CONF.write_bytes(text)
