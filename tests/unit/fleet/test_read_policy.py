# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Access rules as the operator writes them: what selectors and services mean, and what is refused where."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import parse_prefix
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.errors import FleetError
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.policy import (
    ICMP,
    TCP,
    UDP,
    Policy,
    Service,
    Side,
)
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.services import parse_services
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import Inventory

POLICY = "wireguard_networks.home.policy"


def inventory() -> Inventory:
    """A hub with three spokes and a client, with groups, a second network, and a host in no network."""
    found = Inventory()
    found.networks["home"]["clients"] = {"phone": {"addresses": ["10.8.0.9"]}}
    found.networks["lab"] = {
        "topology": "mesh",
        "prefixes": ["10.9.0.0/24"],
        "interface": "wg1",
        "members": ["cid", "dan"],
    }
    found.hosts["cid"]["wireguard_addresses"] = ["10.8.0.4", "10.9.0.4"]
    found.hosts["cid"]["wireguard_endpoint"] = "203.0.113.4"
    found.hosts["cid"]["wireguard_overrides"] = {"lab": {"listen_port": 51821, "endpoint": "203.0.113.4:51821"}}
    found.hosts["dan"] = {"wireguard_addresses": ["10.9.0.5"]}
    found.groups |= {
        "laptops": ["ada", "bob"],
        "mixed": ["ada", "outsider"],
        "outsiders": ["outsider"],
        "both": ["cid"],
        "bob": ["ada"],
        "ada": ["ada"],
        "all": ["hub", "ada", "bob", "cid", "dan", "outsider"],
    }
    found.hosts["outsider"] = {}
    return found


def read(policy: Any, network: str = "home") -> Policy:
    found = inventory()
    found.networks[network]["policy"] = policy
    (policy,) = [each.policy for each in found.read() if each.name == network]
    assert isinstance(policy, Policy)
    return policy


def refused(policy: Any) -> str:
    with pytest.raises(FleetError) as error:
        read(policy)
    return str(error.value)


def side(selector: Any, network: str = "home") -> Side:
    return read({"grants": [{"src": "hub", "dst": selector}]}, network).grants[0].dst


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("cid", Side(frozenset(["cid"]))),
        ("phone", Side(frozenset(["phone"]))),
        ("dan", Side(frozenset(["dan"]))),  # in the other network alone
        ("laptops", Side(frozenset(["ada", "bob"]))),
        ("group:laptops", Side(frozenset(["ada", "bob"]))),
        ("tag:laptops", Side(frozenset(["ada", "bob"]))),
        ("mixed", Side(frozenset(["ada"]))),  # the other one is in no network
        ("group:bob", Side(frozenset(["ada"]))),
        ("ada", Side(frozenset(["ada"]))),  # the group of this name has just that host
        ("10.8.0.64/26", Side(prefixes=(parse_prefix("10.8.0.64/26"),))),
        ("192.168.7.9", Side(prefixes=(parse_prefix("192.168.7.9"),))),
        ("fd00:8::7", Side(prefixes=(parse_prefix("fd00:8::7"),))),
        ("10.9.0.0/24", Side(prefixes=(parse_prefix("10.9.0.0/24"),))),
        ("internet", Side(internet=True)),
        ("autogroup:internet", Side(internet=True)),
        ("*", Side(everything=True)),
        (["laptops", "internet"], Side(frozenset(["ada", "bob"]), internet=True)),
        ("laptops, phone", Side(frozenset(["ada", "bob", "phone"]))),
    ],
)
def test_a_selector_means(selector: Any, expected: Side) -> None:
    assert side(selector) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("*", [(None, 0, 65535)]),
        ("tcp:443", [(TCP, 443, 443)]),
        ("TCP:443", [(TCP, 443, 443)]),
        ("tcp:8000-8100", [(TCP, 8000, 8100)]),
        ("udp:*", [(UDP, 0, 65535)]),
        ("tcp", [(TCP, 0, 65535)]),
        (443, [(TCP, 443, 443), (UDP, 443, 443)]),
        ("443", [(TCP, 443, 443), (UDP, 443, 443)]),
        ("8000-8100", [(TCP, 8000, 8100), (UDP, 8000, 8100)]),
        ("icmp", [(ICMP, 0, 65535)]),
        ("gre", [(47, 0, 65535)]),
        ("47:*", [(47, 0, 65535)]),
        ("132:5000", [(132, 5000, 5000)]),
    ],
)
def test_a_service_means(value: Any, expected: list[tuple[int | None, int, int]]) -> None:
    assert parse_services(value, "ip") == tuple(Service(*each) for each in expected)


def test_services_are_kept_once_and_everything_makes_the_others_needless() -> None:
    grants = read({"grants": [{"src": "ada", "dst": "hub", "ip": ip} for ip in (["tcp:443", 443], ["icmp", "*"], 22)]})
    assert [grant.services for grant in grants.grants] == [
        (Service(TCP, 443, 443), Service(UDP, 443, 443)),
        (Service(),),
        (Service(TCP, 22, 22), Service(UDP, 22, 22)),
    ]
    assert grants.grants[0].text == "ada -> hub (tcp:443, 443)"


def test_no_grants_deny_everything_and_no_policy_allows_it() -> None:
    assert read({"grants": []}) == Policy()
    assert inventory().read()[0].policy is None


@pytest.mark.parametrize(
    ("grant", "expected"),
    [
        (
            {"src": "adda", "dst": "bob"},
            "grants[0].src 'adda': not a host, client, group or prefix; did you mean ada?",
        ),
        ({"src": ["ada", "hupp"], "dst": "hub"}, "grants[0].src[1] 'hupp': not a host, client, group or prefix; "),
        ({"src": "ada"}, "grants[0].dst: missing; write src and dst"),
        ({"src": "ada", "dst": []}, "grants[0].dst []: empty; "),
        ({"src": "ada", "dst": "hub", "ports": 1}, "grants[0].ports: unknown option; "),
        ({"src": "ada", "dst": "outsiders"}, "grants[0].dst 'outsiders': no host of this group is a member"),
        (
            {"src": "ada", "dst": "group:laptop"},
            "'group:laptop': the inventory has no such group; did you mean laptops?",
        ),
        (
            {"src": "ada", "dst": "bob"},
            "grants[0].dst 'bob': both a member and a group have this name; write group:bob",
        ),
        ({"src": "ada", "dst": "10.10.0.0/24"}, "grants[0].dst '10.10.0.0/24': outside the prefixes and subnets"),
        ({"src": "ada", "dst": "10.8.0.0/16"}, "grants[0].dst '10.8.0.0/16': outside the prefixes and subnets"),
        (
            {"src": "ada", "dst": "10.8.0.4/24"},
            "grants[0].dst '10.8.0.4/24': an address with the length of its network",
        ),
        ({"src": "ada", "dst": "hub", "ip": None}, "grants[0].ip: it has no value; "),
        ({"src": "internet", "dst": "hub"}, "grants[0].src 'internet': the Internet cannot be a source; "),
        ({"src": ["ada", "*", "internet"], "dst": "hub"}, "grants[0].src[2] 'internet': the Internet cannot be"),
        ({"src": "autogroup:member", "dst": "hub"}, "grants[0].src 'autogroup:member': there are no users here"),
        ({"src": True, "dst": "hub"}, "grants[0].src True: "),
        (
            {"src": "ada", "dst": "hub", "ip": "tpc:443"},
            "grants[0].ip 'tpc:443': unknown protocol or service; did you mean tcp?",
        ),
        ({"src": "ada", "dst": "hub", "ip": [22, "tcp:65536"]}, "grants[0].ip[1] 'tcp:65536': not a port; "),
        ({"src": "ada", "dst": "hub", "ip": 0}, "grants[0].ip 0: not a port; "),
        (
            {"src": "ada", "dst": "hub", "ip": "tcp:90-80"},
            "grants[0].ip 'tcp:90-80': the range ends before it begins; ",
        ),
        ({"src": "ada", "dst": "hub", "ip": "icmp:8"}, "grants[0].ip 'icmp:8': this protocol has no ports; "),
        ({"src": "ada", "dst": "hub", "ip": "44:*"}, "grants[0].ip '44:*': an extension header of IPv6"),
        ({"src": "ada", "dst": "hub", "ip": []}, "grants[0].ip []: empty; "),
        ("ada", "grants[0]: not a dictionary; "),
    ],
)
def test_a_grant_is_refused_with_its_place(grant: Any, expected: str) -> None:
    assert expected in refused({"grants": [grant]}).replace(f"{POLICY}.", "")


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        ({"src": "laptops", "accept": ["hub:22"]}, "tests[0].src 'laptops': a test needs a single one; write a host"),
        ({"src": "10.8.0.0/24", "accept": ["hub:22"]}, "tests[0].src '10.8.0.0/24': a test needs a single one; "),
        ({"src": "internet", "accept": ["hub:22"]}, "tests[0].src 'internet': not a host, a client or an address; "),
        ({"src": "ada"}, "tests[0]: it tests nothing; "),
        ({"src": "ada", "accept": ["hub"]}, "tests[0].accept[0] 'hub': the port is missing; "),
        ({"src": "ada", "deny": ["fd00:8::3:22"]}, "tests[0].deny[0] 'fd00:8::3:22': an IPv6 address needs brackets; "),
        ({"src": "ada", "deny": ["laptops:22"]}, "tests[0].deny[0] 'laptops': a test needs a single one; "),
        ({"src": "ada", "deny": ["10.10.0.1:22"]}, "tests[0].deny[0] '10.10.0.1': outside the prefixes and subnets"),
        ({"src": "ada", "deny": ["hub:22-23"]}, "tests[0].deny[0] 'hub:22-23': not a port; "),
        ({"src": "ada", "proto": "icmp", "deny": ["hub:22"]}, "tests[0].deny[0] 'hub:22': the protocol of this test"),
        ({"src": "ada", "proto": "tpc", "deny": ["hub:22"]}, "tests[0].proto 'tpc': unknown protocol"),
    ],
)
def test_a_test_is_refused_with_its_place(test: Any, expected: str) -> None:
    assert f"{POLICY}.{expected}" in refused({"grants": [], "tests": [test]})


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ([], f"{POLICY}: not a dictionary; "),
        ({}, f"{POLICY}.grants: missing; list the grants; [] denies everything"),
        (None, f"{POLICY}: empty; list the grants, or remove it to allow everything"),
        ({"grants": [], "test": []}, f"{POLICY}.test: unknown option; did you mean tests?"),
        ({"grants": {}}, f"{POLICY}.grants: not a list; "),
    ],
)
def test_a_policy_is_refused(policy: Any, expected: str) -> None:
    assert expected in refused(policy)


def test_all_problems_are_shown_at_once() -> None:
    text = refused({"grants": [{"src": ["x1", "x2"], "dst": "x3", "ip": "x4"}], "tests": [{"src": "x5", "accept": []}]})
    assert all(f"'x{number}'" in text for number in range(1, 6))


def test_tests_have_single_targets() -> None:
    accept = ["hub:22", "internet:443", "[fd00:8::2]:80", "198.51.100.7:53", "autogroup:internet:80"]
    policy = read(
        {"grants": [], "tests": [{"src": "phone", "accept": accept}, {"src": "ada", "proto": "icmp", "deny": ["hub"]}]}
        | {}
    )
    first, second = policy.tests
    assert (first.src, first.protocol) == (Side(frozenset(["phone"])), TCP)
    assert [(target.dst, target.port) for target in first.accept] == [
        (Side(frozenset(["hub"])), 22),
        (Side(internet=True), 443),
        (Side(prefixes=(parse_prefix("fd00:8::2"),)), 80),
        (Side(prefixes=(parse_prefix("198.51.100.7"),)), 53),
        (Side(internet=True), 80),
    ]
    assert (second.protocol, second.deny[0].port) == (ICMP, 0)


def test_a_host_of_several_other_networks_is_refused() -> None:
    found = inventory()
    found.networks["shop"] = {
        "topology": "mesh",
        "prefixes": ["10.7.0.0/24"],
        "members": ["ada", "eve"],
        "interface": "wg2",
    }
    found.hosts["ada"]["wireguard_addresses"] = ["10.8.0.2"]
    found.hosts["ada"]["wireguard_overrides"] = {"shop": {"addresses": ["10.7.0.2"], "listen_port": 51830}}
    found.hosts["eve"] = {"wireguard_addresses": ["10.7.0.3"], "wireguard_endpoint": "203.0.113.9"}
    found.networks["shop"]["policy"] = {"grants": [{"src": "eve", "dst": "cid"}]}
    with pytest.raises(FleetError) as error:
        found.read()
    assert (
        "wireguard_networks.shop.policy.grants[0].dst 'cid': cid not in this network, but in several others: home, "
        "lab; write the address of cid that is meant" in str(error.value)
    )


def test_internet_is_no_name_of_a_group() -> None:
    found = inventory()
    found.groups["internet"] = ["ada"]
    found.networks["home"]["policy"] = {"grants": [{"src": "ada", "dst": "internet"}]}
    with pytest.raises(FleetError, match="write autogroup:internet, or rename the host or group"):
        found.read()
    found.networks["home"]["policy"] = {"grants": [{"src": "ada", "dst": ["group:internet", "autogroup:internet"]}]}
    (policy, _lab) = [network.policy for network in found.read()]
    assert policy is not None
    assert policy.grants[0].dst == Side(frozenset(["ada"]), internet=True)


_TEXTS = st.text(max_size=12) | st.sampled_from(
    [
        "ada",
        "laptops",
        "internet",
        "*",
        "group:",
        "tag:x",
        "autogroup:",
        "10.8.0.0/24",
        "[",
        "[]:",
        "a:b:c",
        ":",
        "tcp:",
    ]
)
_SCALARS = st.none() | st.booleans() | st.integers(-5, 70000) | st.floats(allow_nan=False) | _TEXTS
_VALUES = st.recursive(_SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=2))
_ENTRIES = st.lists(
    st.dictionaries(st.sampled_from(["src", "dst", "ip", "proto", "accept", "deny", "x"]), _VALUES) | _VALUES,
    max_size=2,
)


@given(st.fixed_dictionaries({"grants": _ENTRIES, "tests": _ENTRIES}) | _VALUES)
def test_nonsense_is_refused_or_read(policy: Any) -> None:
    """Only refusals, whatever is written."""
    found = inventory()
    found.networks["home"]["policy"] = policy
    with contextlib.suppress(FleetError):
        found.read()
