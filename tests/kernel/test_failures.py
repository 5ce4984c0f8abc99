# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel refuses in the middle of a plan: it is told, and what was running is there again, all of it."""

from __future__ import annotations

import re
import socket
from collections.abc import Sequence
from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.circumstances import Circumstances
from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.engine import converge
from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.result import ConvergeError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._host import kernel
from ansible_collections.cryptokey.wireguard.plugins.module_utils._host.resolve import Resolver
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.operations import Operation
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.state import RunningState
from ansible_collections.cryptokey.wireguard.plugins.module_utils._options.parser import parse_interface
from ansible_collections.cryptokey.wireguard.tests.kernel.hosts import Host, comparable, described, strangers

PRESHARED_KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
RESTORED = r"The previous state has been restored\."


def rich() -> dict[str, Any]:
    """Something of everything to lose."""
    one, two, three = strangers(3, 2)
    return {
        "listen_port": 51820,
        "fwmark": "0x99",
        "mtu": 1400,
        "addresses": ["10.200.0.1/24", "10.201.0.1/32", "fd01::1/64"],
        "peers": [
            {**one, "preshared_key": PRESHARED_KEY, "endpoint": "192.0.2.9:51820", "persistent_keepalive": 25},
            {**two, "endpoint": "[2001:db8::9]:51820"},
            {**three, "allowed_ips": [*three["allowed_ips"], "fd02::/64"]},
        ],
    }


def other(*peers: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Everything otherwise: peers that go, stay changed and come, prefixes that move, other addresses."""
    one, two, _three = rich()["peers"]
    changed = {**two, "allowed_ips": one["allowed_ips"], "preshared_key": PRESHARED_KEY, "persistent_keepalive": 7}
    return {"listen_port": 51821, "fwmark": 0, "mtu": 1300, "addresses": ["10.200.0.2/24", "10.201.0.1/32"],
            "peers": [changed, *strangers(5)[3:], *peers], **more}  # fmt: skip


def refused(host: Host, problem: str, before: RunningState, **options: Any) -> None:
    with pytest.raises(ConvergeError, match=f"{problem}.*{RESTORED}"):
        host.converge(**options)
    assert comparable(host.read()) == before


def prepared(host: Host) -> RunningState:
    host.run("ip", "link", "add", "other", "type", "dummy")
    host.run("ip", "link", "set", "other", "up")
    host.run("ip", "address", "add", "192.0.2.1/24", "dev", "other")
    host.converge(**rich())
    return comparable(host.read())


def test_a_busy_port(host: Host) -> None:
    before = prepared(host)
    with host.entered():
        taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        taken.bind(("0.0.0.0", 51999))
    with taken:
        refused(host, "EADDRINUSE.*another socket has this UDP port", before, **other(listen_port=51999))
    assert described(host.converge(**other(listen_port=51999)))


def test_a_later_message_that_cannot_be_made(host: Host) -> None:
    """The peers take several messages; the last of them has an endpoint on a link that is gone by then."""
    before = prepared(host)
    host.run("ip", "link", "add", "gone", "type", "dummy")
    far = {**strangers(900)[899], "endpoint": "[fe80::1%gone]:51820"}
    with pytest.raises(ConvergeError, match=f"there is no interface gone.*{RESTORED}"):
        interfered(host, "ip", "link", "delete", "gone", **other(*strangers(899)[5:], far, table="off"))
    assert comparable(host.read()) == before


def test_an_address_of_a_family_that_is_switched_off(host: Host) -> None:
    host.run("sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1")
    plain = {**rich(), "addresses": ["10.200.0.1/24"]}
    plain["peers"][2]["allowed_ips"] = ["10.7.0.0/24"]
    host.converge(**plain)
    before = comparable(host.read())
    refused(host, "add address fd01::2/64", before, **other(addresses=["10.200.0.2/24", "fd01::2/64"]))


def test_a_route_that_is_another_interfaces(host: Host) -> None:
    before = prepared(host)
    host.run("ip", "route", "add", "172.16.5.0/24", "dev", "other")
    stranger = {**strangers(6)[5], "allowed_ips": ["172.16.4.0/24", "172.16.5.0/24", "172.16.6.0/24"]}
    refused(host, r"add route 172\.16\.5\.0/24.*EEXIST", before, **other(stranger))
    assert "172.16.5.0/24 dev other" in host.run("ip", "route")


def test_a_default_route_that_is_another_interfaces(host: Host) -> None:
    """The last thing but the rules: the mark, the netfilter table and one family's rules are there by then."""
    before = prepared(host)
    host.run("ip", "-6", "route", "add", "default", "dev", "other", "table", "4660")
    stranger = {**strangers(6)[5], "allowed_ips": ["0.0.0.0/0", "::/0"]}
    before = comparable(host.read())
    refused(host, r"add route ::/0 table 4660.*EEXIST", before, **other(stranger, fwmark=4660))
    assert "wg-quick-wg0" not in host.run("nft", "list", "ruleset")
    assert "4660" not in host.run("ip", "rule")


def test_a_full_tunnel_is_restored_too(host: Host) -> None:
    prepared(host)
    full = rich()
    full["peers"][2]["allowed_ips"] = ["0.0.0.0/0", "::/0"]
    full["fwmark"] = "0x4321"
    host.converge(**full)
    before = comparable(host.read())
    host.run("ip", "route", "add", "172.16.5.0/24", "dev", "other")
    refused(host, "EEXIST", before, **other({**strangers(6)[5], "allowed_ips": ["172.16.5.0/24"]}))
    assert described(host.converge(**full)) == []


class Interfering(kernel.HostKernel):
    """A kernel on which somebody else runs a command between our reading and our writing, once."""

    def __init__(self, host: Host, *command: str) -> None:
        super().__init__()
        self.host = host
        self.command = command

    def apply(self, interface: str, operations: Sequence[Operation]) -> None:
        if self.command:
            self.host.run(*self.command)
            self.command = ()
        super().apply(interface, operations)


def interfered(host: Host, *command: str, **options: Any) -> None:
    desired = parse_interface({"interface": "wg0", **options}, host.private_key)
    with host.entered():
        converge(desired, Interfering(host, *command), Circumstances(0.0, resolve=Resolver()))


def test_a_peer_that_vanishes_meanwhile_does_not_come_back_half_made(host: Host) -> None:
    prepared(host)
    one, *others = rich()["peers"]
    wanted = {**rich(), "peers": [{**one, "persistent_keepalive": 9}, *others]}
    before = comparable(host.read())
    remove = ("wg", "set", "wg0", "peer", one["public_key"], "remove")
    with pytest.raises(ConvergeError, match=f"still to do: peer {re.escape(one['public_key'])}: add.*{RESTORED}"):
        interfered(host, *remove, **wanted)
    assert comparable(host.read()) == before
    assert described(host.converge(**wanted)) == [f"peer {one['public_key']}: set persistent_keepalive 9"]

    operations = host.converge(check_mode=True, **rich()).operations
    assert len(operations) == 1
    host.run(*remove)
    with host.entered():
        kernel.HostKernel().apply("wg0", operations)
    assert one["public_key"] not in host.run("wg", "show", "wg0", "peers")
    assert [line.split(":")[1][:4] for line in described(host.converge(**rich()))] == [" add"]


def test_a_peer_that_appears_meanwhile_is_told_of_and_gone_at_the_next_run(host: Host) -> None:
    prepared(host)
    new = strangers(9)[8]
    add = ("wg", "set", "wg0", "peer", new["public_key"], "allowed-ips", "10.123.0.0/24")
    with pytest.raises(ConvergeError, match=f"still to do: peer .*: remove.*{RESTORED}"):
        interfered(host, *add, **{**rich(), "mtu": 1380})
    host.converge(**{**rich(), "mtu": 1380})
    assert new["public_key"] not in host.run("wg", "show", "wg0", "peers")


def test_an_interface_that_vanishes_meanwhile_is_told_of_and_made_again(host: Host) -> None:
    before = prepared(host)
    with pytest.raises(ConvergeError, match=f"ENODEV.*{RESTORED}"):
        interfered(host, "ip", "link", "delete", "wg0", **{**rich(), "mtu": 1380, "fwmark": 5})
    assert comparable(host.read()) == before
    assert described(host.converge(**rich())) == []
