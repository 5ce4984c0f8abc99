# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Union and difference of prefixes, next to those of the standard library, which is slow and right."""

from __future__ import annotations

import ipaddress
from ipaddress import IPv4Network, IPv6Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.endpoint import parse_endpoint
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import Prefix, parse_prefix
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.prefixes import (
    as_text,
    collapse,
    literal_prefix,
    subtract,
    without,
)

# Of a small part of the addresses, so that they meet often.
IPV4 = st.builds(lambda host, length: f"10.0.0.{host}/{length}", st.integers(0, 63), st.integers(24, 32))
IPV6 = st.builds(lambda host, length: f"fd00::{host:x}/{length}", st.integers(0, 63), st.integers(120, 128))
PREFIXES = st.lists(st.one_of(IPV4, IPV6).map(parse_prefix), max_size=12)


def collapsed(networks: list[IPv4Network | IPv6Network]) -> list[str]:
    """As the standard library does it."""
    four = [network for network in networks if isinstance(network, IPv4Network)]
    six = [network for network in networks if isinstance(network, IPv6Network)]
    return [*map(str, ipaddress.collapse_addresses(four)), *map(str, ipaddress.collapse_addresses(six))]


def by_library(prefixes: list[Prefix]) -> list[IPv4Network | IPv6Network]:
    return [ipaddress.ip_network(str(prefix)) for prefix in prefixes]


def less(network: IPv4Network | IPv6Network, hole: IPv4Network | IPv6Network) -> list[IPv4Network | IPv6Network]:
    if network.version != hole.version or not network.overlaps(hole):
        return [network]
    return [] if hole.supernet_of(network) else list(network.address_exclude(hole))  # type: ignore[arg-type]


@given(PREFIXES)
def test_a_union_is_exact_and_has_the_fewest_prefixes(prefixes: list[Prefix]) -> None:
    assert list(map(str, collapse(prefixes))) == collapsed(by_library(prefixes))


@given(PREFIXES, PREFIXES)
def test_so_is_a_difference(prefixes: list[Prefix], holes: list[Prefix]) -> None:
    left = by_library(collapse(prefixes))
    for hole in by_library(holes):
        left = [piece for network in left for piece in less(network, hole)]
    assert list(map(str, subtract(prefixes, holes))) == collapsed(left)


@pytest.mark.parametrize(
    ("prefixes", "holes", "expected"),
    [
        (["10.0.0.0/24"], ["10.0.0.0/25"], ["10.0.0.128/25"]),
        (["10.0.0.0/24"], ["10.0.0.0/24"], []),
        (["10.0.0.0/24"], ["10.0.0.0/8"], ["10.0.0.0/24"]),
        (["10.0.0.0/8", "10.0.0.0/24"], ["10.0.0.0/9"], ["10.128.0.0/9", "10.0.0.0/24"]),
    ],
)
def test_the_more_specific_one_of_prefix_and_hole_counts(
    prefixes: list[str], holes: list[str], expected: list[str]
) -> None:
    assert list(map(str, without(map(parse_prefix, prefixes), map(parse_prefix, holes)))) == expected


def test_text_is_sorted_as_people_read_it_and_has_nothing_twice() -> None:
    texts = ["fd00::/64", "10.0.10.0/24", "10.0.9.0/24", "10.0.9.0/24"]
    assert as_text(map(parse_prefix, texts)) == ["10.0.9.0/24", "10.0.10.0/24", "fd00::/64"]


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ("203.0.113.1:1", "203.0.113.1/32"),
        ("[2001:db8::1]:1", "2001:db8::1/128"),
        ("vpn.example.org:1", "None"),
        ("[fe80::1%eth0]:1", "None"),
    ],
)
def test_the_address_of_an_endpoint(endpoint: str, expected: str) -> None:
    assert str(literal_prefix(parse_endpoint(endpoint))) == expected
