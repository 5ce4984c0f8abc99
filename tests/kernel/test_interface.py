# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One interface on the real kernel: what is asked for is what is there, once, and nothing else is touched."""

from __future__ import annotations

import errno
import socket
from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.result import ConvergeError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._netlink.errors import KernelError
from ansible_collections.cryptokey.wireguard.tests.kernel.hosts import (
    Host,
    comparable,
    described,
    key_of,
    peer_options,
    strangers,
    tunnel,
)

PRESHARED_KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


def twice(host: Host, **options: Any) -> list[str]:
    """Check mode, the run, the run again: the first two say the same, the third nothing."""
    foretold = described(host.converge(check_mode=True, **options))
    done = described(host.converge(**options))
    assert foretold == done
    assert described(host.converge(**options)) == []
    return done


def test_a_tunnel_comes_up_and_carries_both_families(pair: tuple[Host, Host]) -> None:
    left, right = pair
    for host, options in zip(pair, tunnel(left, right)):
        assert twice(host, **options)
    for address in ("10.9.0.2", "fd09::2"):
        left.ping(address)
    assert left.peer(right).latest_handshake > 0
    assert right.peer(left).endpoint is not None


def test_every_attribute_is_set_changed_and_cleared(pair: tuple[Host, Host]) -> None:
    left, right = pair
    peer = peer_options(right, endpoint="192.0.2.2:51820", allowed_ips=["10.9.0.2/32"], persistent_keepalive=25)
    assert twice(left, listen_port=51820, fwmark="0xca6c", mtu=1380, addresses=["10.9.0.1/24"],
                 peers=[{**peer, "preshared_key": PRESHARED_KEY}])  # fmt: skip
    state = left.read()
    assert (state.up, state.mtu, state.device.listen_port, state.device.fwmark) == (True, 1380, 51820, 0xCA6C)
    changed = peer_options(right, endpoint="192.0.2.2:51821", allowed_ips=["10.9.0.3/32"], persistent_keepalive=10)
    parts = ["clear preshared_key", "set endpoint 192.0.2.2:51821"]
    parts += ["set persistent_keepalive 10", "add allowed_ips 10.9.0.3/32"]
    more = {"listen_port": 51821, "fwmark": "off", "mtu": 1420, "addresses": ["10.9.0.9/24"]}
    assert twice(left, **more, private_key=key_of("other"), peers=[{**changed, "preshared_key": ""}]) == [
        "set private_key, set listen_port 51821, clear fwmark",
        f"peer right ({right.public_key}): remove allowed_ips 10.9.0.2/32",
        f"peer right ({right.public_key}): {', '.join(parts)}",
        "add address 10.9.0.9/24",
        "remove address 10.9.0.1/24",
        "set mtu 1420",
    ]
    peer_now = left.peer(right)
    assert not peer_now.preshared_key
    assert (peer_now.persistent_keepalive, {str(p) for p in peer_now.allowed_ips}) == (10, {"10.9.0.3/32"})
    assert twice(left, peers=[peer_options(right, allowed_ips=[], persistent_keepalive="off")], addresses=[])
    assert left.peer(right).allowed_ips == frozenset()
    assert left.read().addresses == ()


def test_what_is_not_given_is_left_alone(pair: tuple[Host, Host]) -> None:
    left, right = pair
    options, _other = tunnel(left, right)
    twice(left, listen_port=51999, fwmark=7, mtu=1300, **options)
    before = comparable(left.read())
    assert described(left.converge()) == []
    assert described(left.converge(peers=[peer_options(right)])) == []
    assert comparable(left.read()) == before


@pytest.mark.parametrize(
    ("given", "equal"),
    [
        pytest.param({"allowed_ips": ["10.0.1.1/24"]}, {"allowed_ips": ["10.0.1.0/24"]}, id="host bits"),
        pytest.param({"allowed_ips": ["fd00:0:0::A/128"]}, {"allowed_ips": ["fd00::a"]}, id="IPv6 spelling, no length"),
        pytest.param({"allowed_ips": ["10.0.0.1", "10.0.0.2"]}, {"allowed_ips": ["10.0.0.2/32", "10.0.0.1/32"] * 2},
                     id="order and duplicates"),
        pytest.param({"persistent_keepalive": 0}, {"persistent_keepalive": "off"}, id="keepalive off"),
        pytest.param({}, {"preshared_key": "A" * 43 + "="}, id="zero preshared key"),
        pytest.param({"endpoint": "[2001:DB8:0::1]:1"}, {"endpoint": "[2001:db8::1]:1"}, id="endpoint spelling"),
    ],
)  # fmt: skip
def test_two_spellings_of_one_thing_are_no_change(host: Host, given: dict[str, Any], equal: dict[str, Any]) -> None:
    (stranger,) = strangers(1, 0)
    stranger.pop("allowed_ips")
    for first, second in ((given, equal), (equal, given)):
        host.converge(peers=[{**stranger, **first}])
        assert described(host.converge(peers=[{**stranger, **second}])) == []
        host.remove()


def test_fwmark_spellings_are_no_change(host: Host) -> None:
    host.converge(fwmark="0x10")
    assert described(host.converge(fwmark="16")) == []
    host.converge(fwmark="off")
    assert described(host.converge(fwmark="0x0")) == []


def test_stale_things_go_and_foreign_ones_stay(host: Host) -> None:
    host.run("ip", "link", "add", "other", "type", "dummy")
    host.run("ip", "address", "add", "172.16.0.1/24", "dev", "other")
    host.run("ip", "link", "set", "other", "up")
    host.run("ip", "route", "add", "172.17.0.0/16", "dev", "other")
    peers = strangers(3)
    host.converge(addresses=["10.200.0.1/24"], peers=peers)
    host.run("ip", "route", "add", "172.18.0.0/16", "dev", "wg0")
    host.run("ip", "route", "add", "172.19.0.0/16", "dev", "wg0", "proto", "bird")
    assert twice(host, addresses=["10.200.0.2/24", "fd01::1/64"], peers=peers[:2]) == [
        f"peer {peers[2]['public_key']}: remove",
        "add address 10.200.0.2/24",
        "add address fd01::1/64",
        "remove address 10.200.0.1/24",
        "remove route 10.0.2.0/32",
        "remove route 172.18.0.0/16",
    ]
    routes = host.run("ip", "route", "show")
    assert "172.17.0.0/16 dev other" in routes
    assert "172.19.0.0/16 dev wg0 proto bird" in routes
    assert "10.200.0.0/24 dev wg0" in routes
    assert len(host.read().device.peers) == 2


def test_a_shared_interface_keeps_what_others_put_there(host: Host) -> None:
    theirs, ours = strangers(2)
    host.converge(addresses=["10.200.0.1/24"], peers=[theirs])
    host.run("ip", "route", "add", "172.18.0.0/16", "dev", "wg0")
    assert twice(host, peers_mode="merge", addresses=["10.200.1.1/24"], peers=[ours]) == [
        f"peer {ours['public_key']}: add, add allowed_ips 10.0.1.0/32",
        "add address 10.200.1.1/24",
        "add route 10.0.1.0/32",
    ]
    routes = host.run("ip", "route", "show")
    for kept in ("172.18.0.0/16", "10.0.0.0 ", "10.200.0.0/24", "10.200.1.0/24"):
        assert kept in routes


def test_an_absent_peer_is_removed_from_a_shared_interface_with_its_route(host: Host) -> None:
    theirs, stolen = strangers(2)
    host.converge(addresses=["10.200.0.1/24"], peers=[theirs, stolen])
    options = {"peers_mode": "merge", "peers": [], "absent_peers": [stolen["public_key"]]}
    assert twice(host, **options) == [f"peer {stolen['public_key']}: remove", "remove route 10.0.1.0/32"]
    assert [str(key) for key in host.read().device.peers] == [theirs["public_key"]]


@pytest.mark.usefixtures("vpn_table")
def test_a_table_goes_by_its_name(host: Host) -> None:
    peers = strangers(1, 2)
    assert twice(host, table="vpn", peers=peers)
    assert {route.split()[0] for route in host.run("ip", "route", "show", "table", "1234").splitlines()} == {
        "10.0.0.0",
        "10.0.0.1",
    }
    assert described(host.converge(table="1234", peers=peers)) == []
    assert twice(host, table="main", peers=peers) == [
        "add route 10.0.0.0/32",
        "add route 10.0.0.1/32",
        "remove route 10.0.0.0/32 table 1234",
        "remove route 10.0.0.1/32 table 1234",
    ]
    with pytest.raises(InputError, match="no routing table of this host has this name"):
        host.converge(table="nowhere", peers=peers)


def test_an_alias_is_set_kept_changed_and_cleared(host: Host) -> None:
    assert "set mtu 1420, set alias 'to Paris', set up" in twice(host, alias="to Paris")
    assert "alias to Paris" in host.run("ip", "link", "show", "wg0")
    assert described(host.converge()) == []
    longest = "é" * 127
    assert twice(host, alias=longest) == [f"set alias {longest!r}"]
    assert host.read().alias == longest
    assert twice(host, alias="") == ["clear alias"]
    assert "alias" not in host.run("ip", "link", "show", "wg0")


@pytest.mark.parametrize("kept", ["0", "1"])
def test_an_interface_is_held_down_and_comes_up_as_it_was(pair: tuple[Host, Host], kept: str) -> None:
    left, right = pair
    left.run("sysctl", "-qw", f"net.ipv6.conf.default.keep_addr_on_down={kept}")
    peer = peer_options(right, endpoint="192.0.2.2:51820", allowed_ips=["0.0.0.0/0", "::/0", "10.7.0.0/16"])
    options: dict[str, Any] = {
        "listen_port": 51820,
        "addresses": ["10.9.0.1/24", "fd09::1/64"],
        "peers": [peer],
    }
    twice(left, **options)
    before = comparable(left.read())
    done = twice(left, **options, up=False)
    assert done[-4:-2] == ["set down", "add address fd09::1/64"]
    held = left.read()
    assert (held.up, held.addresses, held.routes, held.rules) == (False, before.addresses, frozenset(), frozenset())
    assert (held.netfilter, held.device.fwmark, set(held.device.peers)) == ({}, 0, {right.public_key})
    assert described(left.converge(up=False)) == []
    twice(left, **options)
    assert comparable(left.read()) == before


def test_a_new_interface_can_start_down(host: Host) -> None:
    addresses = ["10.9.0.1/24", "fd09::1/64"]
    options: dict[str, Any] = {"listen_port": 51820, "addresses": addresses, "peers": strangers(1)}
    assert not any("route" in done or "set up" in done for done in twice(host, up=False, **options))
    # Nothing listens yet.
    assert "51820" not in host.run("ss", "-Hlun")
    assert twice(host, **options) == ["set up", "add route 10.0.0.0/32"]


def test_an_interface_that_cannot_come_up_stays_down_as_it_was(host: Host) -> None:
    addresses = ["10.9.0.1/24", "fd09::1/64"]
    options: dict[str, Any] = {"listen_port": 51999, "addresses": addresses, "peers": strangers(1)}
    host.converge(up=False, **options)
    before = comparable(host.read())
    with host.entered():
        taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        taken.bind(("0.0.0.0", 51999))
    with taken, pytest.raises(ConvergeError, match=r"UDP port.*The previous state has been restored"):
        host.converge(**options, alias="new")
    assert comparable(host.read()) == before


def test_absent_removes_it_all_and_only_once(host: Host) -> None:
    host.converge(addresses=["10.200.0.1/24"], peers=[*strangers(2), {**strangers(3)[2], "allowed_ips": ["0.0.0.0/0"]}])
    rules = host.run("ip", "rule", "show")
    assert "suppress_prefixlength 0" in rules
    foretold = described(host.remove(check_mode=True))
    assert described(host.remove()) == foretold != []
    assert described(host.remove()) == []
    assert "suppress_prefixlength" not in host.run("ip", "rule", "show")
    assert "wg-quick-wg0" not in host.run("nft", "list", "tables")


@pytest.mark.parametrize(("peers", "prefixes"), [(23, 1), (40, 52), (1, 10_240), (1_000, 2)])
def test_large_sets_are_written_and_read_whole(host: Host, peers: int, prefixes: int) -> None:
    wanted = strangers(peers)
    for n, peer in enumerate(wanted):
        peer["allowed_ips"] = [
            f"10.{n % 200}.{n // 200}.{m}" if m < 256 else f"172.16.{m // 256}.{m % 256}" for m in range(prefixes)
        ]
    host.converge(table="off", peers=wanted)
    device = host.read().device
    assert len(device.peers) == peers
    assert {len(peer.allowed_ips) for peer in device.peers.values()} == {prefixes}
    assert described(host.converge(table="off", peers=wanted)) == []


def test_a_busy_port_leaves_everything_as_it_was(pair: tuple[Host, Host]) -> None:
    left, right = pair
    options, _other = tunnel(left, right)
    left.converge(listen_port=51820, **options)
    before = comparable(left.read())
    with left.entered():
        taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        taken.bind(("0.0.0.0", 51999))
    with taken, pytest.raises(ConvergeError, match=r"UDP port.*The previous state has been restored"):
        left.converge(listen_port=51999, mtu=1300, addresses=["10.77.0.1/24"], peers=strangers(2))
    assert comparable(left.read()) == before


def test_a_first_run_that_fails_leaves_no_interface(host: Host) -> None:
    with host.entered():
        taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        taken.bind(("0.0.0.0", 51999))
    with taken, pytest.raises(ConvergeError, match="restored"):
        host.converge(listen_port=51999)
    assert not host.read().exists


def test_a_name_that_another_kind_has_is_refused(host: Host) -> None:
    host.run("ip", "link", "add", "wg0", "type", "dummy")
    with pytest.raises(KernelError, match="it is a dummy interface") as caught:
        host.converge()
    assert caught.value.errno == errno.EEXIST


def test_the_interfaces_own_key_as_a_peer_is_refused(host: Host) -> None:
    host.converge()
    with pytest.raises(InputError, match="the interface's own public_key"):
        host.converge(peers=[peer_options(host)])
