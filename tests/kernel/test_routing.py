# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Links, addresses, routes and rules, as written through whatever version of pyroute2 is there.

What came of it is told by `ip`, and the rest of the host has to be as it was.
"""

from __future__ import annotations

import json
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.result import ConvergeError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.tests.kernel.hosts import Host, comparable, described, strangers
from ansible_collections.cryptokey.wireguard.tests.kernel.processes import forget_endpoints, run_module

# The fewest tests that have every method of the library called, also those that fail.
every_version = pytest.mark.pyroute2


def crowded(host: Host) -> None:
    """Give the host a life of its own: links, addresses, routes and rules that are none of ours."""
    host.run("ip", "link", "add", "other", "type", "dummy")
    for words in (
        "link set other up",
        "address add 172.16.0.1/24 dev other",
        "address add fd16::1/64 dev other nodad",
        "route add 172.17.0.0/16 dev other",
        "route add 10.77.0.0/16 dev other proto 87",
        "route add default dev other table 51820",
        "-6 route add fd17::/64 dev other proto 87",
        "route add blackhole 172.18.0.0/16",
        "rule add fwmark 7 lookup 7 priority 1000",
        "-6 rule add from fd17::/64 lookup 99",
        "link add wg1 type wireguard",
        "address add 10.99.0.1/24 dev wg1",
        "link set wg1 up",
    ):
        host.run("ip", *words.split())


def others(host: Host) -> dict[str, Any]:
    """All that `ip` tells of the host but wg0 and the rules of a full tunnel."""
    found: dict[str, Any] = {"peers": host.run("wg", "show", "wg1", "dump")}
    for what in ("address", "route show table all", "-6 route show table all"):
        entries = json.loads(host.run("ip", "-j", "-d", *what.split()))
        found[what] = [_steady(entry) for entry in entries if "wg0" not in (entry.get("dev"), entry.get("ifname"))]
    for family in ("-4", "-6"):
        found[family] = host.run("ip", family, "rule", "show")
    return found


def _steady(entry: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name not in ("expires", "stats64")}


def own(host: Host) -> dict[str, list[str]]:
    """Addresses, IPv4 and IPv6 routes of wg0, as short texts; none where there is no wg0."""
    (link,) = json.loads(host.run("ip", "-j", "address", "show", "wg0"))
    addresses = [f"{a['local']}/{a['prefixlen']}" for a in link["addr_info"] if a["scope"] == "global"]
    routes = []
    for family in ("-4", "-6"):
        words = ["ip", "-j", family, "route", "show", "table", "all", "dev", "wg0", "proto", "87"]
        routes += [f"{r['dst']} {r.get('table', 'main')}" for r in json.loads(host.run(*words))]
    return {"addresses": sorted(addresses), "routes": sorted(routes), "mtu": link["mtu"], "up": "UP" in link["flags"]}


@every_version
def test_everything_is_written_and_changed_and_only_that(host: Host) -> None:
    crowded(host)
    before = others(host)
    one, two = strangers(2)
    one["allowed_ips"] = ["10.1.0.0/16", "10.200.0.7/32", "fd03::/64"]
    two["allowed_ips"] = ["10.2.0.1/32", "fd04::4/128"]
    first: dict[str, Any] = {
        "addresses": ["10.200.0.1/24", "10.201.0.1/32", "fd01::1/64", "fd02::1/128"],
        "peers": [one, two],
    }
    foretold = described(host.converge(check_mode=True, **first))
    assert described(host.converge(**first)) == foretold
    assert own(host) == {
        "addresses": ["10.200.0.1/24", "10.201.0.1/32", "fd01::1/64", "fd02::1/128"],
        "routes": ["10.1.0.0/16 main", "10.2.0.1 main", "fd03::/64 main", "fd04::4 main"],
        "mtu": 1420,
        "up": True,
    }
    assert others(host) == before

    host.run("ip", "route", "add", "10.5.0.0/16", "dev", "wg0")
    host.run("ip", "-6", "route", "add", "fd05::/64", "dev", "wg0", "proto", "static")
    host.run("ip", "route", "add", "10.6.0.0/16", "dev", "wg0", "proto", "bird")
    host.run("ip", "link", "set", "wg0", "mtu", "1300")
    second: dict[str, Any] = {
        "addresses": ["10.200.0.2/24", "fd01::2/64"],
        "mtu": 1380,
        "peers": [{**one, "allowed_ips": ["fd03::/64"]}],
    }
    foretold = described(host.converge(check_mode=True, **second))
    assert described(host.converge(**second)) == foretold
    assert {"remove route 10.5.0.0/16", "remove route fd05::/64"} <= set(foretold)
    assert own(host) == {
        "addresses": ["10.200.0.2/24", "fd01::2/64"], "routes": ["fd03::/64 main"], "mtu": 1380, "up": True
    }  # fmt: skip
    assert "10.6.0.0/16 dev wg0 proto bird" in host.run("ip", "route")
    assert described(host.converge(**second)) == []

    in_table: dict[str, Any] = {**second, "table": "1234", "peers": [one, two]}
    host.converge(**in_table)
    assert own(host)["routes"] == sorted(
        f"{text} 1234" for text in ("10.1.0.0/16", "10.200.0.7", "10.2.0.1", "fd03::/64", "fd04::4")
    )
    assert described(host.converge(**in_table)) == []
    host.remove()
    assert others(host) == before


def test_a_link_that_went_down_comes_back_whole(host: Host) -> None:
    options: dict[str, Any] = {"addresses": ["10.200.0.1/24", "fd01::1/64"], "peers": strangers(2)}
    host.converge(**options)
    before = own(host)
    host.run("ip", "link", "set", "wg0", "down")
    assert own(host) != before
    assert described(host.converge(**options))[-3:] == ["set up", "add route 10.0.0.0/32", "add route 10.0.1.0/32"]
    assert own(host) == before
    assert described(host.converge(**options)) == []


def test_routes_outlast_the_last_address(host: Host) -> None:
    """With the last IPv4 address the kernel removes the IPv4 routes too."""
    peers = [{**strangers(1)[0], "allowed_ips": ["10.1.0.0/16", "10.2.0.0/16", "fd03::/64"]}]
    host.converge(addresses=["10.200.0.1/24", "fd01::1/64"], peers=peers)
    fewer = [{**peers[0], "allowed_ips": ["10.1.0.0/16", "fd03::/64"]}]
    assert described(host.converge(addresses=[], peers=fewer))[-3:] == [
        "remove address 10.200.0.1/24",
        "remove address fd01::1/64",
        "add route 10.1.0.0/16",
    ]
    assert own(host)["routes"] == ["10.1.0.0/16 main", "fd03::/64 main"]
    assert described(host.converge(addresses=[], peers=fewer)) == []


def test_ipv6_on_a_link_too_small_for_it_is_refused_before_anything_is_touched(host: Host) -> None:
    options: dict[str, Any] = {"addresses": ["10.200.0.1/24", "fd01::1/64"], "peers": strangers(1)}
    host.converge(**options)
    before = comparable(host.read())
    with pytest.raises(InputError, match="mtu 1200: IPv6 needs an MTU of at least 1280"):
        host.converge(mtu=1200, addresses=["10.200.0.9/24", "fd01::1/64"])
    with pytest.raises(InputError, match="mtu 1200: IPv6 needs an MTU of at least 1280"):
        host.converge(mtu=1200, peers=strangers(2))
    assert comparable(host.read()) == before


@every_version
def test_a_full_tunnel_brings_its_rules_and_takes_them_away(host: Host) -> None:
    crowded(host)
    before = others(host)
    options: dict[str, Any] = {
        "addresses": ["10.200.0.1/24"],
        "peers": [{**strangers(1)[0], "allowed_ips": ["0.0.0.0/0", "::/0"]}],
    }
    foretold = described(host.converge(check_mode=True, **options))
    assert described(host.converge(**options)) == foretold
    assert own(host)["routes"] == ["default 51821", "default 51821"]
    for family in ("-4", "-6"):
        rules = host.run("ip", family, "rule", "show")
        assert "not from all fwmark 0xca6d lookup 51821" in rules
        assert "from all lookup main suppress_prefixlength 0" in rules
    assert described(host.converge(**options)) == []
    host.remove()
    assert others(host) == before


@every_version
def test_what_the_kernel_refuses_is_told_in_its_own_words(host: Host) -> None:
    crowded(host)
    before = others(host)
    options: dict[str, Any] = {
        "addresses": ["10.200.0.1/24"],
        "peers": [{**strangers(1)[0], "allowed_ips": ["172.17.0.0/16"]}],
    }
    with pytest.raises(
        ConvergeError,
        match=r"add route 172\.17\.0\.0/16: File exists \(EEXIST\)\. The previous state has been restored\.",
    ):
        host.converge(**options)
    assert others(host) == before
    assert not host.read().exists


def test_the_module_as_a_process_writes_it_all(host: Host, tmp_path: Path) -> None:
    forget_endpoints()
    options: dict[str, Any] = {"interface": "wg0", "addresses": ["10.200.0.1/24", "fd01::1/64"], "peers": strangers(2)}
    done = [run_module(host, tmp_path, **options)["changed"] for _run in range(2)]
    assert done == [True, False]
    assert own(host)["routes"] == ["10.0.0.0 main", "10.0.1.0 main"]
    assert run_module(host, tmp_path, interface="wg0", state="absent")["changed"]
    assert "wg0" not in host.run("ip", "link")


@every_version
def test_the_version_that_was_asked_for_is_the_one_that_wrote(host: Host) -> None:
    """The one whose metadata pytest's header shows."""
    host.converge(addresses=["10.200.0.1/24"])
    installed = metadata.distribution("pyroute2").locate_file("pyroute2/__init__.py")
    assert sys.modules["pyroute2"].__file__ == str(installed)


def test_a_network_whose_route_was_flushed_is_reached_by_the_peers_own(host: Host) -> None:
    """The kernel adds the route of an address's network with the address only."""
    (peer,) = strangers(1)
    peer["allowed_ips"] = ["10.9.0.7/32", "fd09::7/128"]
    options: dict[str, Any] = {"addresses": ["10.9.0.1/24", "fd09::1/64"], "peers": [peer]}
    host.converge(**options)
    assert own(host)["routes"] == []
    for family in ("-4", "-6"):
        host.run("ip", family, "route", "flush", "dev", "wg0")
    assert {*described(host.converge(**options))} == {"add route 10.9.0.7/32", "add route fd09::7/128"}
    assert described(host.converge(**options)) == []
    # Once the address is there anew, so is its route, and the peer's is one too many.
    for family, address in (("-4", "10.9.0.1/24"), ("-6", "fd09::1/64")):
        host.run("ip", family, "address", "delete", address, "dev", "wg0")
        host.run("ip", family, "address", "add", address, "dev", "wg0")
    assert {*described(host.converge(**options))} <= {"remove route 10.9.0.7/32", "remove route fd09::7/128"}
    assert own(host)["routes"] == []
