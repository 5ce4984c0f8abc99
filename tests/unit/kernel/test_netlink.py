# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The netlink socket on this machine's own kernel, in network namespaces of its own: what is lost, and whose an address
is."""

from __future__ import annotations

import errno
import json
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._netlink import netlink as transport
from ansible_collections.cryptokey.wireguard.plugins.module_utils._netlink import rtnetlink
from ansible_collections.cryptokey.wireguard.plugins.module_utils._netlink.errors import KernelError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._netlink.netlink import (
    DUMP_ATTEMPTS,
    NLM_F_DUMP_INTR,
    NLMSG_DONE,
    NLMSG_HEADER,
    Netlink,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._netlink.rtnetlink import RouteNetlink
from ansible_collections.cryptokey.wireguard.tests.faults.kills import trace
from ansible_collections.cryptokey.wireguard.tests.unit.modules.running import environment

PACKAGE = rtnetlink.__name__.rpartition("._netlink")[0]
# The loopback is a link like any other, and there in each namespace.
TAKEN = f"""
import json, subprocess, sys
from {PACKAGE}._host.reading import taken_address
from {PACKAGE}._netlink.rtnetlink import RouteNetlink
from {PACKAGE}._model.prefix import parse_interface_address
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
for address in ("10.1.2.3/24", "10.9.9.9/32", "fd01::1/64", "fe80::1/64"):
    subprocess.run(["ip", "address", "add", address, "dev", "lo"], check=True)
with RouteNetlink() as netlink:
    asked = [(sys.argv[1], [parse_interface_address(text)]) for text in sys.argv[2:]]
    found = [taken_address(netlink, interface, addresses) for interface, addresses in asked]
print(json.dumps([each and [str(each[0]), each[1]] for each in found]))
"""


def taken(interface: str, *addresses: str) -> list[list[str] | None]:
    command = ["unshare", "--map-root-user", "--net", sys.executable, "-c", TAKEN, interface, *addresses]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment())
    found: list[list[str] | None] = json.loads(done.stdout)
    return found


def test_whose_an_address_is() -> None:
    asked = ("10.1.2.3/24", "10.1.2.3/32", "10.1.2.4/24", "10.9.9.9/24", "10.9.9.9/32", "fd01::1/128", "fe80::1/64")
    owned = ["10.1.2.3/24", "lo"]
    expected = [owned, owned, None, ["10.9.9.9/32", "lo"], None, ["fd01::1/64", "lo"], None]
    assert taken("wg0", *asked) == expected
    assert taken("lo", *asked) == [None] * len(asked)


def show_links() -> None:
    with RouteNetlink() as netlink:
        print([link.name for link in netlink.links()])


def with_lost(folder: Path, when: str) -> tuple[int, str]:
    """The exit code and what was printed where the kernel loses messages, at the receives of these numbers."""
    code, _lines = trace(show_links, folder, "-e", "trace=recvmsg", "-e", f"inject=recvmsg:error=ENOBUFS:when={when}")
    return code, (folder / "output").read_text()


@pytest.mark.parametrize("when", ["1", "2", "1..5"])
def test_a_dump_of_which_messages_were_lost_is_read_again(tmp_path: Path, when: str) -> None:
    code, output = with_lost(tmp_path, when)
    assert (code, "'lo'" in output) == (0, True), output


def test_where_they_are_always_lost_it_is_told(tmp_path: Path) -> None:
    code, output = with_lost(tmp_path, f"1..{DUMP_ATTEMPTS}")
    assert code == 70
    assert "read links: No buffer space available (ENOBUFS); the kernel is short of memory for its messages" in output


def test_a_reply_that_was_cut_is_not_taken_for_a_whole_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel cuts what is longer than the buffer, and says so with MSG_TRUNC alone."""
    monkeypatch.setattr(transport, "RECEIVE_BYTES", 64)
    with RouteNetlink() as netlink, pytest.raises(KernelError, match=r"read links: .* longer than 64 bytes .EMSGSIZE"):
        netlink.links()


class Interrupted:
    """A socket on which so many dumps are marked as interrupted, in their first message or in their last."""

    def __init__(self, dumps: int, marked: int) -> None:
        self.asked = 0
        self._dumps, self._marked = dumps, marked
        self._waiting: Iterator[bytes] = iter(())

    def send(self, data: bytes) -> None:
        self.asked += 1
        sequence = NLMSG_HEADER.unpack_from(data)[3]
        flags = [0, 0, 0]
        if self.asked <= self._dumps:
            flags[self._marked] = NLM_F_DUMP_INTR
        kinds = (16, 16, NLMSG_DONE)
        payload = struct.pack("=i", 0)
        self._waiting = iter(
            NLMSG_HEADER.pack(NLMSG_HEADER.size + 4, kind, 2 | flag, sequence, 0) + payload
            for kind, flag in zip(kinds, flags, strict=True)
        )

    def recvmsg(self, _size: int) -> tuple[bytes, list[object], int, None]:
        return next(self._waiting), [], 0, None

    def close(self) -> None:
        """There is no socket."""


@pytest.mark.parametrize("marked", [0, 1, 2])
@pytest.mark.parametrize("dumps", [0, 1, DUMP_ATTEMPTS - 1])
def test_a_dump_that_was_interrupted_is_read_again(monkeypatch: pytest.MonkeyPatch, dumps: int, marked: int) -> None:
    wire = Interrupted(dumps, marked)
    with Netlink(socket.AF_UNSPEC) as netlink:
        netlink.close()
        monkeypatch.setattr(netlink, "_socket", wire)
        assert len(netlink.dump(18, b"", "read")) == 2
    assert wire.asked == dumps + 1


def test_a_dump_that_is_always_interrupted_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    wire = Interrupted(1000, 1)
    with Netlink(socket.AF_UNSPEC) as netlink:
        netlink.close()
        monkeypatch.setattr(netlink, "_socket", wire)
        with pytest.raises(KernelError, match=f"changed during each of {DUMP_ATTEMPTS} attempts") as raised:
            netlink.dump(18, b"", "read")
    assert (raised.value.errno, wire.asked) == (errno.EINTR, DUMP_ATTEMPTS)
