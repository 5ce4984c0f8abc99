# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prefixes and addresses, with the standard library's ipaddress as the judge."""

from __future__ import annotations

import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import (
    InterfaceAddress,
    Prefix,
    family_of,
    format_ip,
    parse_interface_address,
    parse_prefix,
)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Interface = ipaddress.IPv4Interface | ipaddress.IPv6Interface


@st.composite
def interfaces(draw: st.DrawFn) -> Interface:
    """Few high bits, so that networks often meet."""
    bits = draw(st.sampled_from([32, 128]))
    high = draw(st.integers(0, 15)) << (bits - 4)
    length = draw(st.one_of(st.integers(0, 6), st.integers(0, bits)))
    number = high | draw(st.one_of(st.just(0), st.integers(0, 2 ** (bits - 4) - 1)))
    address = ipaddress.IPv4Address(number) if bits == 32 else ipaddress.IPv6Address(number)
    return ipaddress.ip_interface(f"{address}/{length}")


def prefix_of(network: Network) -> Prefix:
    return Prefix(network.network_address.packed, network.prefixlen)


@given(interfaces())
def test_a_prefix_is_read_as_ipaddress_does(interface: Interface) -> None:
    prefix = parse_prefix(str(interface))
    assert prefix == prefix_of(interface.network)
    assert parse_prefix(str(prefix)) == prefix
    assert ipaddress.ip_network(str(prefix)) == interface.network


@given(interfaces())
def test_an_address_is_read_as_ipaddress_does(interface: Interface) -> None:
    address = parse_interface_address(str(interface))
    assert ipaddress.ip_interface(str(address)) == interface
    assert parse_interface_address(str(address)) == address
    assert address.network == prefix_of(interface.network)
    assert address.host == prefix_of(ipaddress.ip_network(interface.ip))
    assert address.family == (socket.AF_INET if interface.version == 4 else socket.AF_INET6)


@given(interfaces(), interfaces())
def test_covers_and_overlaps_are_those_of_ipaddress(one: Interface, other: Interface) -> None:
    a, b = prefix_of(one.network), prefix_of(other.network)
    same_family = one.version == other.version
    assert a.covers(b) == (same_family and other.network.subnet_of(one.network))  # type: ignore[arg-type]
    assert a.overlaps(b) == (same_family and one.network.overlaps(other.network))
    assert a.covers(InterfaceAddress(other.ip.packed, len(other.ip.packed) * 8)) == (other.ip in one.network)


@given(st.one_of(st.binary(min_size=4, max_size=4), st.binary(min_size=16, max_size=16)))
def test_the_text_of_an_address_comes_back(packed: bytes) -> None:
    assert socket.inet_pton(family_of(packed), format_ip(packed)) == packed


@pytest.mark.parametrize(
    ("text", "prefix"),
    [
        ("10.0.1.1/24", "10.0.1.0/24"),
        ("10.0.0.1", "10.0.0.1/32"),
        ("FD00:0:0::0001", "fd00::1/128"),
        (" 10.0.0.0/8 ", "10.0.0.0/8"),
        ("::ffff:10.0.0.1/128", "::ffff:10.0.0.1/128"),
        ("1.2.3.4/0", "0.0.0.0/0"),
        ("10.0.0.0/08", "10.0.0.0/8"),
    ],
)
def test_spellings(text: str, prefix: str) -> None:
    assert str(parse_prefix(text)) == prefix


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "not an IP address"),
        ("/24", "not an IP address"),
        ("10.0.0/24", "not an IP address"),
        ("10.0.0.256", "not an IP address"),
        ("fd00::1::2", "not an IP address"),
        ("fe80::1%eth0/64", "not an IP address"),
        ("host.example.org", "not an IP address"),
        ("10.0.0.1\0", "not an IP address"),
        ("10.0.0.0/", "prefix length is not a number from 0 to 32"),
        ("10.0.0.0/33", "prefix length is not a number from 0 to 32"),
        ("10.0.0.0/-1", "prefix length is not a number from 0 to 32"),
        ("10.0.0.0/255.0.0.0", "prefix length is not a number from 0 to 32"),
        ("10.0.0.0/٣", "prefix length is not a number from 0 to 32"),
        ("fd00::/129", "prefix length is not a number from 0 to 128"),
        (7, "not a string"),
        (None, "not a string"),
    ],
)
def test_what_is_no_prefix_is_refused(text: str, problem: str) -> None:
    for parse in (parse_prefix, parse_interface_address):
        with pytest.raises(InputError, match=f"{problem}; write an") as caught:
            parse(text, "peers[3].allowed_ips")
        assert str(caught.value).startswith("peers[3].allowed_ips")
