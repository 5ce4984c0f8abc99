# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The addresses that the sources and destinations of grants stand for."""

from __future__ import annotations

import datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import Prefix, parse_prefix, sort_key
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.policy import Side
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._policy.resolve import Prefixes, SideResolver
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import TODAY, Inventory

NAMES = ("hub", "ada", "bob", "cid", "phone", "old", "eve")


def resolver(today: datetime.date = TODAY) -> SideResolver:
    found = Inventory()
    found.networks["home"]["clients"] = {
        "phone": {"addresses": ["10.8.0.9"]},
        "old": {"addresses": ["10.8.0.10"], "valid_until": "2026-05-31"},
    }
    found.networks["lab"] = {"topology": "mesh", "prefixes": ["198.51.100.0/26"], "members": ["eve", "fay"]}
    found.hosts["eve"] = {"wireguard_addresses": ["198.51.100.1"], "wireguard_endpoint": "203.0.113.4"}
    found.hosts["fay"] = {"wireguard_addresses": ["198.51.100.2"]}
    found.groups["all"] = [*found.hosts]
    return SideResolver(found.read(), today)


def texts(found: Prefixes) -> list[str]:
    return [str(prefix) for family in found for prefix in family]


@pytest.mark.parametrize(
    ("side", "expected"),
    [
        (Side(frozenset(["ada", "bob"])), ["10.8.0.2/32", "10.8.0.3/32", "fd00:8::2/128"]),
        (Side(frozenset(["eve"])), ["198.51.100.1/32"]),  # of another network
        (Side(frozenset(["phone", "old"])), ["10.8.0.9/32"]),
        (Side(frozenset(["ada"]), (parse_prefix("10.8.0.0/30"),)), ["10.8.0.0/30", "fd00:8::2/128"]),
        (
            Side(prefixes=tuple(map(parse_prefix, ("10.8.0.0/25", "10.8.0.128/25", "10.8.0.7/32")))),
            ["10.8.0.0/24"],
        ),
    ],
)
def test_a_side_is(side: Side, expected: list[str]) -> None:
    assert texts(resolver().sources("home", side)) == texts(resolver().destinations("home", side)) == expected


def test_a_client_has_its_addresses_on_its_last_day() -> None:
    side = Side(frozenset(["old"]))
    assert texts(resolver(datetime.date(2026, 5, 31)).sources("home", side)) == ["10.8.0.10/32"]
    assert texts(resolver(datetime.date(2026, 6, 1)).sources("home", side)) == []


def test_everything_is_the_network_as_a_source_and_all_addresses_as_a_destination() -> None:
    side = Side(everything=True)
    assert texts(resolver().sources("home", side)) == ["10.8.0.0/24", "192.168.7.0/24", "fd00:8::/64"]
    assert texts(resolver().destinations("home", side)) == ["0.0.0.0/0", "::/0"]


def test_the_internet_is_public_and_outside_all_networks() -> None:
    internet = resolver().destinations("home", Side(internet=True))
    found = [*internet.ipv4, *internet.ipv6]

    def has(text: str) -> bool:
        return any(prefix.covers(parse_prefix(text)) for prefix in found)

    public = [
        "1.1.1.1",
        "9.255.255.255",
        "11.0.0.0",
        "198.51.100.64",
        "203.0.113.7",
        "192.0.2.1",
        "2001:db8::1",
        "2a00::1",
    ]
    inside = [
        "10.8.0.2",
        "192.168.7.9",
        "198.51.100.1",
        "100.64.0.1",
        "127.0.0.1",
        "169.254.1.1",
        "172.31.0.1",
        "224.0.0.1",
    ]
    assert [text for text in public if not has(text)] == []
    assert [
        text for text in [*inside, "255.255.255.255", "198.19.0.1", "fd00:8::2", "fe80::1", "::1"] if has(text)
    ] == []


PREFIXES = st.builds(
    lambda number, length: parse_prefix(f"10.8.0.{number}/{length}"), st.integers(0, 255), st.integers(24, 32)
)


@given(st.frozensets(st.sampled_from(NAMES)), st.lists(PREFIXES, max_size=4), st.booleans(), st.booleans())
def test_what_is_found_is_disjoint_and_sorted(
    members: frozenset[str], prefixes: list[Prefix], internet: bool, everything: bool
) -> None:
    side = Side(members, tuple(prefixes), internet, everything)
    for found in (resolver().sources("home", side), resolver().destinations("home", side)):
        for family in found:
            assert list(family) == sorted(family, key=sort_key)
            assert not any(one.overlaps(other) for one, other in pairwise(family))
