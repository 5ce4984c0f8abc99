# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every bad input of ``interface`` and ``config``, and what is said of it: where, which value, why, a remedy."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import PublicKey
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.names import parse_interface_name
from ansible_collections.cryptokey.wireguard.plugins.module_utils._options.parser import find_problems, parse_interface

KEY = str(PublicKey(b"a" * 32))
OTHER = str(PublicKey(b"b" * 32))
ZERO = base64.b64encode(bytes(32)).decode()
# A well-known point of order 8.
SMALL = "4Ot6fDtBuK4WVuP68Z/EatoJjeucMrH9hmIFFl9JuAA="
SHORT = base64.b64encode(b"a" * 31).decode()


def peer(**options: Any) -> dict[str, Any]:
    return {"peers": [{"public_key": OTHER}, {"public_key": KEY, **options}]}


def two(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    return {"peers": [{"public_key": KEY, **first}, {"public_key": OTHER, **second}]}


NAME = ("interface", "not an interface name", "use 1 to 15 letters, digits or _=+.-")
NEW_NAME = ("interface", "nft, systemd or the kernel cannot use this", "use letters, digits, '_', '-' and '.'")
PORT = ("listen_port", "out of range or not a number", "give a number from 1 to 65535")
MARK = ("fwmark", "out of range or not a number", "give a number from 0 to 4294967295")
MTU = ("mtu", "out of range or not a number", "give a number from 576 to 65535")
TABLE = ("table", "out of range or not a number", "write auto, off, or the number or name of a table")
KEEPALIVE = ("peers[1].persistent_keepalive", "out of range or not a number", "give a number from 0 to 65535")
PUBLIC = ("peers[1].public_key", "not a WireGuard key", "a key is 32 bytes in base64: 44 characters, the last of them")
ENDPOINT = "write HOST:PORT, such as 203.0.113.1:51820, [2001:db8::1]:51820 or vpn.example.org:51820"
URL = ("a URL is not an endpoint",)
OTHER_ADDRESS = "give the host another address of this network"
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
    "a name with a plus": ({"interface": "wg+0"}, "wg+0", *NEW_NAME),
    "a name with an equals sign": ({"interface": "wg=0"}, "wg=0", *NEW_NAME),
    "a name that looks like an option": ({"interface": "-wg0"}, "-wg0", *NEW_NAME),
    "a name that is hidden": ({"interface": ".wg0"}, ".wg0", *NEW_NAME),
    "a name that is a number": ({"interface": "42"}, "42", *NEW_NAME),
    "a name of the kernel's settings": ({"interface": "all"}, "all", *NEW_NAME[:2], "use another name"),
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
        peer(public_key=ZERO), ZERO, "peers[1].public_key", "the all-zero key means 'no key'",
        "give the peer's own public key",
    ),
    "a short preshared key": (peer(preshared_key=SHORT), None, "peers[1].preshared_key", *PUBLIC[1:]),
    "a preshared key in words": (peer(preshared_key="hunter2"), None, "peers[1].preshared_key", *PUBLIC[1:]),
    "a name of two lines": (
        peer(name="a\nb"), "a\nb", "peers[1].name", "not printable on one line", "use a plain name",
    ),
    "an endpoint without a port": (
        peer(endpoint="hub.example"), "hub.example", "peers[1].endpoint", "the port is missing", ENDPOINT,
    ),
    "an endpoint without a host": (
        peer(endpoint=":51820"), ":51820", "peers[1].endpoint", "neither an IP address nor a host name", ENDPOINT,
    ),
    "IPv6 without brackets": (
        peer(endpoint="2001:db8::1:51820"), "2001:db8::1:51820", "peers[1].endpoint",
        "an IPv6 address needs brackets", ENDPOINT,
    ),
    "brackets without a port": (
        peer(endpoint="[fd00::1]"), "[fd00::1]", "peers[1].endpoint", "the port is missing", ENDPOINT,
    ),
    "port 0 of an endpoint": (peer(endpoint="h:0"), "0", "peers[1].endpoint", "not a UDP port", ENDPOINT),
    "a high port of an endpoint": (peer(endpoint="h:70000"), "70000", "peers[1].endpoint", "not a UDP port", ENDPOINT),
    "a service name": (peer(endpoint="h:wireguard"), "wireguard", "peers[1].endpoint", "not a UDP port", ENDPOINT),
    "a mistyped address": (
        peer(endpoint="192.0.2.300:1"), "192.0.2.300:1", "peers[1].endpoint", "neither an IP address nor", ENDPOINT,
    ),
    "a URL": (
        peer(endpoint="https://hub:443"), "https://hub:443", "peers[1].endpoint", *URL, "write hub:443",
    ),
    "a URL with all that it can have": (
        peer(endpoint="udp://me:pw@[fd00::1]:7/a?b=@d:8"), "udp://me:pw@[fd00::1]:7/a?b=@d:8", "peers[1].endpoint",
        *URL, "write [fd00::1]:7",
    ),
    "a URL without a port": (
        peer(endpoint="http://wg.example.org/"), "http://wg.example.org/", "peers[1].endpoint", *URL,
        "write HOST:PORT, such as wg.example.org:51820",
    ),
    "a URL without a host": (peer(endpoint="http:///a"), "http:///a", "peers[1].endpoint", *URL, ENDPOINT),
    "a key of small order": (
        peer(public_key=SMALL), SMALL, "peers[1].public_key", "no handshake can succeed with this", "give the output",
    ),
    "a network's address": (
        {"addresses": ["10.0.0.0/24"]}, "10.0.0.0/24", "addresses", "the network address of 10.0.0.0/24", OTHER_ADDRESS,
    ),
    "a broadcast address": (
        {"addresses": ["10.0.0.127/25"]}, "10.0.0.127/25", "addresses", "the broadcast address of 10.0.0.0/25",
        OTHER_ADDRESS,
    ),
    "the routers' address": (
        {"addresses": ["fd00::/64"]}, "fd00::/64", "addresses", "the anycast address of the routers of fd00::/64",
        OTHER_ADDRESS,
    ),
    "a search domain without a server": (
        {"dns": [], "dns_search": ["corp.example"]}, "corp.example", "dns_search", "there is no name server for it",
        "give dns as well",
    ),
    "name servers and a name with a dot": (
        {"interface": "client.wg0", "dns": ["10.0.0.1"]}, "client.wg0", "interface",
        "with systemd-resolved, wg-quick cannot set name servers for a name", "use a name without a dot, or leave dns",
    ),
    "an empty scope": (
        peer(endpoint="[fe80::1%]:1"), "[fe80::1%]:1", "peers[1].endpoint", "only a link-local IPv6 address can have",
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
        f"in allowed_ips of both {KEY} and {OTHER}", "give it to one peer only",
    ),
    "a prefix at two peers with names": (
        two({"name": "ada", "allowed_ips": ["::/0"]}, {"name": "bob", "allowed_ips": ["::/0"]}), "::/0", "peers",
        f"in allowed_ips of both ada ({KEY}) and bob ({OTHER})", "give it to one peer only",
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
        {"alias": "it's"}, "it's", "alias", "it has a ', a # or a %i, which a wg-quick file cannot", "remove it",
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


@pytest.mark.parametrize(
    "options",
    [
        {"addresses": ["10.0.0.0/32", "10.0.1.0/31", "10.0.1.1/31", "10.0.0.255/16", "10.0.1.0/16"]},
        {"addresses": ["fd00::/128", "fd01::/127", "fd02::ffff:ffff:ffff:ffff/64"]},
        {"interface": "client.wg0", "dns": []},
        {"interface": "client.wg0", "dns_search": ["corp.example"]},  # for the servers that are there
        {"interface": "my-wg_0.1"},
        {"interface": "0wg"},
        {"netns": "vpn", "dns": []},
        {"mtu": 1279, "addresses": ["10.0.0.1/24"]},
    ],
)
def test_what_looks_like_it_and_is_right(options: dict[str, Any]) -> None:
    assert parse_interface({"interface": "wg0", **options}).interface


def test_an_empty_text_is_not_given() -> None:
    options = dict.fromkeys(("listen_port", "fwmark", "mtu", "table"), "")
    empty = parse_interface({"interface": "wg0", **options, **peer(endpoint="", persistent_keepalive="", name="")})
    assert empty == parse_interface({"interface": "wg0", **peer()})


def test_a_name_that_no_interface_should_have_is_read_where_it_is_there() -> None:
    assert [parse_interface_name(name) for name in ("wg+0", "wg=0", "42", ".wg0")] == ["wg+0", "wg=0", "42", ".wg0"]


def test_the_controller_finds_all_that_a_host_without_anything_refuses() -> None:
    options = {
        "interface": "client.wg0",
        "mtu": 1200,
        "addresses": ["fd00::/64"],
        "dns": ["10.0.0.1"],
        "netns": "vpn",
    }
    assert [error.option for error in find_problems(options, ())] == [
        "dns",
        "interface",
        "addresses",
        "mtu",
    ]
    assert [error.option for error in find_problems({"interface": "wg0", "dns_search": ["a.example"]}, ())] == [
        "dns_search"
    ]
    assert [error.option for error in find_problems({"interface": "a/b", "mtu": 1}, ())] == ["interface"]
    assert not list(find_problems({"interface": "wg0", "dns": [], "dns_search": []}, ()))


def test_there_are_many() -> None:
    assert len(CASES) >= 40
