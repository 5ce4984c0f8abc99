# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Endpoints: text and back, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.endpoint import (
    Endpoint,
    is_host_name,
    parse_endpoint,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError

scopes = st.from_regex(r"%[A-Za-z0-9_.@+~-]{1,15}", fullmatch=True)
link_local = st.builds(lambda address, scope: f"{address}{scope}", st.ip_addresses(network="fe80::/10"), scopes)
ipv6 = st.ip_addresses(v=6).map(str) | link_local
names = st.from_regex(r"[a-z]([a-z0-9-]{0,8}[a-z0-9])?(\.[a-z]{1,6}){0,3}\.?", fullmatch=True)
ports = st.integers(1, 65535)


@given(st.ip_addresses(v=4), ports)
def test_ipv4(address: object, port: int) -> None:
    endpoint = parse_endpoint(f"{address}:{port}")
    assert endpoint == Endpoint(str(address), port)
    assert endpoint.is_literal
    assert parse_endpoint(str(endpoint)) == endpoint


@given(ipv6, ports)
def test_ipv6(address: str, port: int) -> None:
    endpoint = parse_endpoint(f"[{address.upper().partition('%')[0]}{''.join(address.partition('%')[1:])}]:{port}")
    assert endpoint.port == port
    assert endpoint.is_literal
    assert parse_endpoint(str(endpoint)) == endpoint
    assert parse_endpoint(f"[{address}]:{port}") == endpoint


@given(names, ports)
def test_host_names(name: str, port: int) -> None:
    endpoint = parse_endpoint(f"{name}:{port}")
    assert endpoint == Endpoint(name, port)
    assert not endpoint.is_literal
    assert parse_endpoint(str(endpoint)) == endpoint


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        endpoint = parse_endpoint(text)
    except InputError as error:
        assert "endpoint" in str(error)  # noqa: PT017
    else:
        assert parse_endpoint(str(endpoint)) == endpoint


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "the port is missing"),
        ("192.0.2.1", "the port is missing"),
        ("hub.example.org", "the port is missing"),
        ("[2001:db8::1]", "the port is missing"),
        ("2001:db8::1:51820", "an IPv6 address needs brackets"),
        ("192.0.2.1:0", "not a UDP port"),
        ("192.0.2.1:65536", "not a UDP port"),
        ("192.0.2.1:", "not a UDP port"),
        ("192.0.2.1:-1", "not a UDP port"),
        ("192.0.2.1:http", "not a UDP port"),
        ("192.0.2.1:٣", "not a UDP port"),
        ("192.0.2.256:1", "neither an IP address nor a host name"),
        ("192.0.2:1", "neither an IP address nor a host name"),
        ("-hub.example.org:1", "neither an IP address nor a host name"),
        ("hub..example.org:1", "neither an IP address nor a host name"),
        ("h b:1", "neither an IP address nor a host name"),
        (":1", "neither an IP address nor a host name"),
        ("[hub.example.org]:1", "neither an IP address nor a host name"),
        ("[]:1", "neither an IP address nor a host name"),
        (51820, "not a string"),
        ("[fe80::1%]:1", "only a link-local IPv6 address can have a scope"),
        ("[fe80::1%eth0%eth1]:1", "only a link-local IPv6 address can have a scope"),
        ("[fe80::1%eth0 ]:1", "only a link-local IPv6 address can have a scope"),
        ("[fe80::1%a/b]:1", "only a link-local IPv6 address can have a scope"),
        ("[fe80::1%sixteencharacter]:1", "only a link-local IPv6 address can have a scope"),
        ("[2001:db8::1%eth0]:1", "only a link-local IPv6 address can have a scope"),
        ("[fec0::1%eth0]:1", "only a link-local IPv6 address can have a scope"),
        ("192.0.2.1%eth0:1", "only a link-local IPv6 address can have a scope"),
    ],
)
def test_what_is_no_endpoint_is_refused(text: str, problem: str) -> None:
    with pytest.raises(InputError, match=f"{problem}.*; write (HOST:PORT|.fe80::1%eth0.:51820)"):
        parse_endpoint(text, "peers[0].endpoint")


def test_a_host_name_has_at_most_253_characters() -> None:
    name = ".".join(["a" * 49] * 5)
    assert is_host_name(name)
    assert not is_host_name(f"{name}.abcd")
    assert not is_host_name("a" * 64)
