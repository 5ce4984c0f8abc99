# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The netlink socket on this machine's own kernel, in network namespaces of its own: what is lost, and whose an address
is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._kernel import rtnetlink
from ansible_collections.cryptokey.wireguard.plugins.module_utils._kernel.netlink import DUMP_ATTEMPTS
from ansible_collections.cryptokey.wireguard.plugins.module_utils._kernel.rtnetlink import RouteNetlink
from ansible_collections.cryptokey.wireguard.tests.faults.kills import trace
from ansible_collections.cryptokey.wireguard.tests.unit.modules.running import environment

PACKAGE = rtnetlink.__name__.rpartition("._kernel")[0]
# The loopback is a link like any other, and there in each namespace.
TAKEN = f"""
import json, subprocess, sys
from {PACKAGE}._kernel.reading import taken_address
from {PACKAGE}._kernel.rtnetlink import RouteNetlink
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
