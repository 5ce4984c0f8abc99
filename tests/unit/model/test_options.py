# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options to the model: what is left open, what clears, and every refusal with option, value and remedy."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.endpoint import Endpoint, parse_endpoint
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.interface import DesiredInterface
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import NO_PRESHARED_KEY, PublicKey
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import parse_prefix
from ansible_collections.cryptokey.wireguard.plugins.module_utils._options.parser import (
    parse_interface,
    parse_peers,
    refuse_own_key,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._options.values import parse_number, parse_table

KEY_A = str(PublicKey(b"a" * 32))
KEY_B = str(PublicKey(b"b" * 32))


def test_absent_is_left_alone() -> None:
    assert parse_interface({"interface": "wg0"}) == DesiredInterface("wg0")
    assert parse_interface({"interface": "wg0", "peers": None, "addresses": None}) == DesiredInterface("wg0")


def test_empty_clears() -> None:
    peer = {"public_key": KEY_A, "preshared_key": "", "allowed_ips": [], "persistent_keepalive": "off"}
    desired = parse_interface({"interface": "wg0", "addresses": [], "peers": [peer], "fwmark": "off"})
    assert desired.addresses == ()
    assert desired.fwmark == 0
    assert desired.peers is not None
    assert desired.peers[0].preshared_key == NO_PRESHARED_KEY
    assert desired.peers[0].allowed_ips == frozenset()
    assert desired.peers[0].persistent_keepalive == 0


def test_everything_given() -> None:
    entry = {
        "name": "spoke1",
        "public_key": KEY_A,
        "preshared_key": KEY_B,
        "endpoint": "[2001:db8::1]:51820",
        "allowed_ips": ["10.0.1.1/24", "10.0.1.0/24", "fd00::1"],
        "persistent_keepalive": 25,
    }
    (peer,) = parse_peers([entry])
    assert peer.label == f"spoke1 ({KEY_A})"
    assert peer.preshared_key
    assert peer.endpoint == Endpoint("2001:db8::1", 51820)
    assert peer.allowed_ips == frozenset({parse_prefix("10.0.1.0/24"), parse_prefix("fd00::1/128")})
    assert peer.persistent_keepalive == 25


@pytest.mark.parametrize(("value", "number"), [(None, None), (0, 0), ("7", 7), (" 0x1F ", 31), ("0XFF", 255)])
def test_numbers(value: object, number: int | None) -> None:
    assert parse_number(value, "x", 0, 255) == number


@pytest.mark.parametrize(
    ("value", "table"),
    [(None, "auto"), ("auto", "auto"), ("off", "off"), ("0x10", "16"), ("main", "main"), ("off_2.x-y", "off_2.x-y")],
)
def test_tables(value: object, table: str) -> None:
    assert parse_table(value) == table


@pytest.mark.parametrize("name", ["", "a" * 16, "wg/0", "wg 0", ".", "..", "wg0\n", "wgé"])
def test_a_bad_interface_name_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=r"interface .*not an interface name; use 1 to 15 letters"):
        parse_interface({"interface": name})


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("listen_port", 0),
        ("listen_port", 65536),
        ("listen_port", "off"),
        ("fwmark", "-1"),
        ("fwmark", 2**32),
        ("fwmark", "on"),
        ("fwmark", "010"),
        ("mtu", 575),
        ("mtu", "1420.5"),
        ("table", "two words"),
        ("table", "7up"),
        ("table", "OFF"),
        ("table", "True"),
        ("table", 0),
        ("table", "٣"),
    ],
)
def test_a_bad_number_is_refused(option: str, value: object) -> None:
    if (option, value) == ("table", 0):
        value = "0"
    remedy = "write auto, off, or the number or name of a table" if option == "table" else "give a number from"
    with pytest.raises(InputError, match=f"^{option} .*out of range or not a number; {remedy}"):
        parse_interface({"interface": "wg0", option: value})


@pytest.mark.parametrize("alias", [None, "", "to Paris (uplink 2)", 'say "$HOME" & \\ 100 %', "é" * 127])
def test_an_alias(alias: str | None) -> None:
    assert parse_interface({"interface": "wg0", "alias": alias}).alias == alias


@pytest.mark.parametrize(
    ("alias", "message"),
    [
        ("it's", "it has a ', a # or a %i, which a wg-quick file cannot hold; remove it"),
        ("ticket #7", "it has a ', a # or a %i"),
        ("100%in", "it has a ', a # or a %i"),
        ("two\nlines", "not printable on one line"),
        ("é" * 128, "too long; write at most 254 bytes of UTF-8"),
    ],
)
def test_an_alias_that_wg_quick_could_not_set_is_refused(alias: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_interface({"interface": "wg0", "alias": alias})
    assert str(caught.value).startswith(f"alias {alias!r}: {message}")


def test_name_servers_and_up() -> None:
    plain = parse_interface({"interface": "wg0"})
    assert (plain.dns, plain.dns_search, plain.up) == (None, None, True)
    options = {"dns": ["10.9.0.1", "fd00:0::1", "10.9.0.1"], "dns_search": ["Lan.", "lan"], "up": False}
    given = parse_interface({"interface": "wg0", **options})
    assert (given.dns, given.dns_search, given.up) == (("10.9.0.1", "fd00::1"), ("lan",), False)
    empty = parse_interface({"interface": "wg0", "dns": [], "dns_search": []})
    assert (empty.dns, empty.dns_search) == ((), ())


@pytest.mark.parametrize(
    ("peer", "start"),
    [
        ({"public_key": "x"}, "peers[1].public_key 'x': not a WireGuard key"),
        ({"preshared_key": "secret-but-wrong"}, "peers[1].preshared_key: not a WireGuard key"),
        ({"endpoint": "hub"}, "peers[1].endpoint 'hub': the port is missing"),
        ({"allowed_ips": ["10.0.0.0/8", "all"]}, "peers[1].allowed_ips 'all': not an IP address"),
        ({"persistent_keepalive": "65536"}, "peers[1].persistent_keepalive '65536': out of range"),
        ({"name": "two\nlines"}, "peers[1].name 'two\\nlines': not printable on one line"),
    ],
)
def test_a_bad_peer_is_refused_by_its_path(peer: dict[str, Any], start: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_interface({"interface": "wg0", "peers": [{"public_key": KEY_A}, {"public_key": KEY_B, **peer}]})
    assert str(caught.value).startswith(start)
    assert "secret-but-wrong" not in str(caught.value)


@pytest.mark.parametrize(
    ("peers", "problem"),
    [
        ([{"public_key": KEY_A}, {"public_key": KEY_A}], "two peers have this public_key; list each peer once"),
        (
            [
                {"public_key": KEY_A, "name": "one", "allowed_ips": ["10.0.0.1/8"]},
                {"public_key": KEY_B, "name": "two", "allowed_ips": ["10.0.0.2/8"]},
            ],
            f"peers '10.0.0.0/8': in allowed_ips of both one ({KEY_A}) and two ({KEY_B}); give it to one peer only",
        ),
    ],
)
def test_peers_that_exclude_each_other_are_refused(peers: list[dict[str, Any]], problem: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_interface({"interface": "wg0", "peers": peers})
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    "options",
    [
        {"addresses": ["10.0.0.1/24", "fd00::1/64"]},
        {"peers": [{"public_key": KEY_A, "allowed_ips": ["fd00::/64"]}]},
        {"peers": [{"public_key": KEY_A, "allowed_ips": ["::/0"]}], "table": "1234"},
    ],
)
def test_ipv6_on_a_link_too_small_for_it_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"mtu 1279: IPv6 needs an MTU of at least 1280; give 1280 or more"):
        parse_interface({"interface": "wg0", "mtu": 1279, **options})
    assert parse_interface({"interface": "wg0", "mtu": 1280, **options}).mtu == 1280


def test_ipv4_and_prefixes_without_routes_may_have_a_smaller_mtu() -> None:
    peers = [{"public_key": KEY_A, "allowed_ips": ["fd00::/64"]}]
    assert parse_interface({"interface": "wg0", "mtu": 1200, "table": "off", "peers": peers}).mtu == 1200
    assert parse_interface({"interface": "wg0", "mtu": 1200, "addresses": ["10.0.0.1/24"]}).mtu == 1200


@pytest.mark.parametrize(
    ("absent", "message"),
    [
        (["x"], "absent_peers 'x': not a WireGuard key"),
        ([KEY_A], f"absent_peers 'a ({KEY_A})': peers lists this public_key too; remove the key from one"),
    ],
)
def test_an_absent_peer_that_cannot_be_right_is_refused(absent: list[str], message: str) -> None:
    peers = [{"name": "a", "public_key": KEY_A}]
    with pytest.raises(InputError, match=re.escape(message)):
        parse_interface({"interface": "wg0", "peers": peers, "absent_peers": absent})
    assert parse_interface({"interface": "wg0", "peers": peers, "absent_peers": [KEY_B]}).absent_peers


def test_the_own_key_is_no_peer() -> None:
    peers = parse_peers([{"public_key": KEY_A}])
    refuse_own_key(peers, PublicKey(b"b" * 32))
    refuse_own_key(peers, None)
    with pytest.raises(InputError, match="the interface's own public_key; give the peer's key"):
        refuse_own_key(peers, PublicKey(base64.b64decode(KEY_A)))


@pytest.mark.parametrize(
    "parse",
    [
        lambda digits: parse_number(digits, "mtu", 0, 65535),
        lambda digits: parse_endpoint(f"192.0.2.1:{digits}"),
        lambda digits: parse_prefix(f"192.0.2.1/{digits}"),
    ],
)
def test_a_number_without_end_is_refused_as_any_other(parse: Callable[[str], object]) -> None:
    with pytest.raises(InputError):
        parse("9" * 5000)


def test_yaml_reads_an_unquoted_off_as_false() -> None:
    assert parse_number(False, "fwmark", 0, 10, off=True) == 0
    assert parse_table("False") == "off"
