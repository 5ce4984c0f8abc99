# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every bad input of ``interface`` and ``config``, and what is said of it: where, which value, why, a remedy."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import PublicKey
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.options import parse_interface

KEY = str(PublicKey(b"a" * 32))
OTHER = str(PublicKey(b"b" * 32))
ZERO = base64.b64encode(bytes(32)).decode()
SHORT = base64.b64encode(b"a" * 31).decode()


def peer(**options: Any) -> dict[str, Any]:
    return {"peers": [{"public_key": OTHER}, {"public_key": KEY, **options}]}


def two(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    return {"peers": [{"public_key": KEY, **first}, {"public_key": OTHER, **second}]}


NAME = ("interface", "not an interface name", "use 1 to 15 letters, digits or _=+.-")
PORT = ("listen_port", "out of range or not a number", "give a number from 1 to 65535")
MARK = ("fwmark", "out of range or not a number", "give a number from 0 to 4294967295")
MTU = ("mtu", "out of range or not a number", "give a number from 576 to 65535")
TABLE = ("table", "out of range or not a number", "give a number from 1 to 4294967295")
KEEPALIVE = ("peers[1].persistent_keepalive", "out of range or not a number", "give a number from 0 to 65535")
PUBLIC = ("peers[1].public_key", "not a WireGuard key", "a key is 32 bytes in base64: 44 characters, the last of them")
ENDPOINT = "write HOST:PORT, such as 203.0.113.1:51820, [2001:db8::1]:51820 or vpn.example.org:51820"
PREFIX = "write an IPv4 or IPv6 prefix such as 10.0.0.0/24 or fd00::/64"
ADDRESS = "write an address with its prefix length, such as 10.0.0.1/24 or fd00::1/64"
SPACE = ("not the name of a network namespace", "use letters")

# Options, the value that is shown (None for a secret), the option, and how the problem and the remedy begin.
CASES: dict[str, tuple[dict[str, Any], Any, str, str, str]] = {
    "no name": ({"interface": ""}, "", *NAME),
    "a long name": ({"interface": "a" * 16}, "a" * 16, *NAME),
    "a name with a slash": ({"interface": "wg/0"}, "wg/0", *NAME),
    "a name with a space": ({"interface": "wg 0"}, "wg 0", *NAME),
    "a name that is a folder": ({"interface": ".."}, "..", *NAME),
    "port 0": ({"listen_port": 0}, 0, *PORT),
    "a high port": ({"listen_port": 65536}, 65536, *PORT),
    "a port in words": ({"listen_port": "any"}, "any", *PORT),
    "a negative mark": ({"fwmark": "-1"}, "-1", *MARK),
    "a mark of 33 bits": ({"fwmark": "0x100000000"}, "0x100000000", *MARK),
    "an octal mark": ({"fwmark": "010"}, "010", *MARK),
    "a small MTU": ({"mtu": 575}, 575, *MTU),
    "a large MTU": ({"mtu": 65536}, 65536, *MTU),
    "table 0": ({"table": "0"}, "0", *TABLE),
    "a table of two words": ({"table": "my table"}, "my table", *TABLE),
    "an address in words": ({"addresses": ["ten"]}, "ten", "addresses", "not an IP address", ADDRESS),
    "an address of three parts": ({"addresses": ["10.0.1"]}, "10.0.1", "addresses", "not an IP address", ADDRESS),
    "an address with a zero before": ({"addresses": ["10.0.0.01"]}, "10.0.0.01", "addresses", "not an IP", ADDRESS),
    "an address with a mask": (
        {"addresses": ["10.0.0.1/255.0.0.0"]}, "10.0.0.1/255.0.0.0", "addresses",
        "the prefix length is not a number from 0 to 32", ADDRESS,
    ),
    "a long IPv4 length": (
        {"addresses": ["10.0.0.1/33"]}, "10.0.0.1/33", "addresses", "the prefix length is not a number from 0 to 32",
        ADDRESS,
    ),
    "a long IPv6 length": (
        {"addresses": ["fd00::1/129"]}, "fd00::1/129", "addresses", "the prefix length is not a number from 0 to 128",
        ADDRESS,
    ),
    "an address with a scope": (
        {"addresses": ["fe80::1%eth0/64"]}, "fe80::1%eth0/64", "addresses", "not an IP", ADDRESS,
    ),
    "an address that is a number": ({"addresses": [10]}, 10, "addresses", "not a string", ADDRESS),
    "a short public key": (peer(public_key=SHORT), SHORT, *PUBLIC),
    "a public key in hex": (peer(public_key="61" * 32), "61" * 32, *PUBLIC),
    "a public key with stray bits": (
        peer(public_key=KEY[:-2] + "B="), KEY[:-2] + "B=", PUBLIC[0],
        "not a WireGuard key: the character before the '='", "copy the key again",
    ),
    "a public key with a line end": (peer(public_key=KEY + "\n"), KEY + "\n", *PUBLIC),
    "the zero key": (
        peer(public_key=ZERO), ZERO, "peers[1].public_key", "the all-zero key stands for 'no key'",
        "give the peer's own public key",
    ),
    "a short preshared key": (peer(preshared_key=SHORT), None, "peers[1].preshared_key", *PUBLIC[1:]),
    "a preshared key in words": (peer(preshared_key="hunter2"), None, "peers[1].preshared_key", *PUBLIC[1:]),
    "a name of two lines": (
        peer(name="a\nb"), "a\nb", "peers[1].name", "not printable on one line", "use a plain name",
    ),
    "an endpoint without a port": (
        peer(endpoint="hub.example"), "hub.example", "peers[1].endpoint", "there is no port", ENDPOINT,
    ),
    "an endpoint without a host": (
        peer(endpoint=":51820"), ":51820", "peers[1].endpoint", "neither an IP address nor a host name", ENDPOINT,
    ),
    "IPv6 without brackets": (
        peer(endpoint="2001:db8::1:51820"), "2001:db8::1:51820", "peers[1].endpoint",
        "an IPv6 address needs brackets", ENDPOINT,
    ),
    "brackets without a port": (
        peer(endpoint="[fd00::1]"), "[fd00::1]", "peers[1].endpoint", "there is no port", ENDPOINT,
    ),
    "port 0 of an endpoint": (peer(endpoint="h:0"), "0", "peers[1].endpoint", "not a UDP port", ENDPOINT),
    "a high port of an endpoint": (peer(endpoint="h:70000"), "70000", "peers[1].endpoint", "not a UDP port", ENDPOINT),
    "a service name": (peer(endpoint="h:wireguard"), "wireguard", "peers[1].endpoint", "not a UDP port", ENDPOINT),
    "a mistyped address": (
        peer(endpoint="192.0.2.300:1"), "192.0.2.300:1", "peers[1].endpoint", "neither an IP address nor", ENDPOINT,
    ),
    "a URL": (
        peer(endpoint="https://hub:443"), "https://hub:443", "peers[1].endpoint", "an IPv6 address needs", ENDPOINT,
    ),
    "an empty scope": (
        peer(endpoint="[fe80::1%]:1"), "[fe80::1%]:1", "peers[1].endpoint", "only a link-local IPv6 address has",
        "write [fe80::1%eth0]:51820",
    ),
    "a prefix in words": (peer(allowed_ips=["all"]), "all", "peers[1].allowed_ips", "not an IP address", PREFIX),
    "a negative length": (
        peer(allowed_ips=["10.0.0.0/-1"]), "10.0.0.0/-1", "peers[1].allowed_ips", "the prefix length is not", PREFIX,
    ),
    "an empty length": (
        peer(allowed_ips=["10.0.0.0/"]), "10.0.0.0/", "peers[1].allowed_ips", "the prefix length is not", PREFIX,
    ),
    "two prefixes in one": (
        peer(allowed_ips=["10.0.0.0/8, fd00::/8"]), "10.0.0.0/8, fd00::/8", "peers[1].allowed_ips",
        "the prefix length is not", PREFIX,
    ),
    "a keepalive in words": (peer(persistent_keepalive="often"), "often", *KEEPALIVE),
    "a long keepalive": (peer(persistent_keepalive=65536), 65536, *KEEPALIVE),
    "a negative keepalive": (peer(persistent_keepalive=-1), -1, *KEEPALIVE),
    "a key twice": (
        two({}, {"public_key": KEY}), KEY, "peers", "two peers have this public_key", "list each peer once",
    ),
    "a prefix at two peers": (
        two({"allowed_ips": ["10.0.0.0/24"]}, {"allowed_ips": ["10.0.0.9/24"]}), "10.0.0.0/24", "peers",
        f"in allowed_ips of both {KEY} and {OTHER}", "a prefix belongs to one peer of an interface",
    ),
    "a prefix at two peers with names": (
        two({"name": "ada", "allowed_ips": ["::/0"]}, {"name": "bob", "allowed_ips": ["::/0"]}), "::/0", "peers",
        f"in allowed_ips of both ada ({KEY}) and bob ({OTHER})", "a prefix belongs to one peer",
    ),
    "a name server by name": (
        {"dns": ["dns.example"]}, "dns.example", "dns", "not an IP address", "give addresses of name servers",
    ),
    "a search domain with a space": (
        {"dns": ["10.0.0.1"], "dns_search": ["a b"]}, "a b", "dns_search", "not a domain", "give domains such as",
    ),
    "name servers of a namespace": (
        {"dns": ["10.0.0.1"], "netns": "vpn"}, "10.0.0.1", "dns", "a network namespace has no name servers of its own",
        "leave dns out and write /etc/netns/vpn/resolv.conf",
    ),
    "an alias with a quote": (
        {"alias": "it's"}, "it's", "alias", "it has a ', a # or a %i, which wg-quick's file cannot", "leave that out",
    ),
    "a long alias": ({"alias": "a" * 255}, "a" * 255, "alias", "too long", "write at most 254 bytes"),
    "a namespace with a slash": ({"netns": "a/b"}, "a/b", "netns", *SPACE),
    "a namespace that is a number": ({"netns": "1"}, "1", "netns", *SPACE),
    "a birth namespace with a space": ({"birth_netns": "a b"}, "a b", "birth_netns", *SPACE),
}  # fmt: skip


@pytest.mark.parametrize("case", list(CASES))
def test_what_is_said_of_it(case: str) -> None:
    options, value, option, problem, remedy = CASES[case]
    with pytest.raises(InputError) as caught:
        parse_interface({"interface": "wg0", **options})
    error = caught.value
    assert (error.option, error.value) == (option, value)
    assert error.problem.startswith(problem)
    assert error.remedy.startswith(remedy)
    shown = "" if value is None else f" {value!r}"
    assert str(error) == f"{option}{shown}: {error.problem}; {error.remedy}"


def test_there_are_many() -> None:
    assert len(CASES) >= 40
