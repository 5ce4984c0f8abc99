# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Name servers and search domains: what is taken, what is refused, and how wg-quick reads its DNS lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.dns import (
    NO_DNS,
    Dns,
    check_dns,
    merge_dns,
    parse_dns_search,
    parse_dns_server,
    split_dns_words,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError

THERE = Dns(("10.9.0.1",), ("corp.example",), True)


@pytest.mark.parametrize(
    ("text", "server"),
    [("10.9.0.1", "10.9.0.1"), (" FD00:0::0:1 ", "fd00::1"), ("::ffff:10.0.0.1", "::ffff:10.0.0.1")],
)
def test_servers(text: str, server: str) -> None:
    assert parse_dns_server(text) == server


@pytest.mark.parametrize(
    "text", ["", "dns.example", "10.9.0", "10.9.0.1/24", "10.9.0.1:53", "[fd00::1]", "fe80::1%eth0", "10.9.0.01"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"^dns .*not an IP address; give addresses of name servers; domains go into"):
        parse_dns_server(text)


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("lan", "lan"),
        ("Corp.Example.", "corp.example"),
        ("_tcp.xn--mnchen-3ya.example", "_tcp.xn--mnchen-3ya.example"),
        ("4.in-addr.arpa", "4.in-addr.arpa"),
    ],
)
def test_domains(text: str, domain: str) -> None:
    assert parse_dns_search(text) == domain


@pytest.mark.parametrize(
    "text",
    [
        *("", ".", "~.", "~corp.example", "a..b", "-a.example", "a b", "a,b", "münchen.example", "10.9.0.1", "7"),
        *("a" * 64, ".".join(["a" * 60] * 5), "a\nnameserver 1.1.1.1", "$(id)"),
    ],
)
def test_what_is_no_domain_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"^dns_search .*not a domain; give domains such as"):
        parse_dns_search(text)


@given(st.from_regex(r"[a-z0-9._-]{1,20}", fullmatch=True))
def test_wg_quick_takes_a_domain_for_a_domain(text: str) -> None:
    try:
        domain = parse_dns_search(text)
    except InputError:
        return
    assert split_dns_words(["10.9.0.1", domain]) == Dns(("10.9.0.1",), (domain,), True)


@pytest.mark.parametrize(
    ("words", "dns"),
    [
        ("", NO_DNS),
        ("lan example.org", NO_DNS),
        ("10.9.0.1 LAN fd00:0::1 10.9.0.1 lan", Dns(("10.9.0.1", "fd00::1"), ("lan",), True)),
        ("10.9 fe80::1%eth0 x", Dns(("10.9", "fe80::1%eth0"), ("x",), True)),
    ],
)
def test_dns_lines_are_read_as_wg_quick_does(words: str, dns: Dns) -> None:
    assert split_dns_words(words.split()) == dns


@pytest.mark.parametrize(
    ("servers", "search", "merged"),
    [
        pytest.param(None, None, THERE, id="nothing given"),
        pytest.param((), None, NO_DNS, id="no servers"),
        pytest.param((), (), NO_DNS, id="nothing"),
        pytest.param(("fd00::1",), None, Dns(("fd00::1",), ("corp.example",), True), id="servers"),
        pytest.param(None, (), Dns(("10.9.0.1",), (), True), id="no domains"),
        pytest.param(None, ("a", "b"), Dns(("10.9.0.1",), ("a", "b"), True), id="domains"),
    ],
)
def test_what_is_not_given_stays(servers: tuple[str, ...] | None, search: tuple[str, ...] | None, merged: Dns) -> None:
    check_dns(servers, search, THERE)
    assert merge_dns(servers, search, THERE) == merged
    assert merge_dns(servers, search, merged) == merged


@pytest.mark.parametrize(("servers", "there"), [(None, NO_DNS), ((), THERE), ((), NO_DNS)])
def test_domains_without_a_server_are_refused(servers: tuple[str, ...] | None, there: Dns) -> None:
    with pytest.raises(InputError, match=r"^dns_search 'lan, corp.example': there is no name server for it; give dns"):
        check_dns(servers, ("lan", "corp.example"), there)


@pytest.mark.parametrize(
    ("dns", "text"),
    [
        (THERE, "dns 10.9.0.1, dns_search corp.example"),
        (Dns(("10.9.0.1", "fd00::1"), (), True), "dns 10.9.0.1, fd00::1"),
        (Dns(("10.9.0.1",), ("lan",)), "dns 10.9.0.1, dns_search lan, for these domains only"),
        (Dns((), ("lan",)), "dns none, dns_search lan"),
    ],
)
def test_it_says_what_it_is(dns: Dns, text: str) -> None:
    assert str(dns) == text
