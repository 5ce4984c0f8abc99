# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What resolvectl 252 and 257, openresolv 3.12 and Debian's resolvconf 1.91 print, read back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cryptokey.wireguard.plugins.module_utils._host.dns import (
    parse_record,
    parse_resolvconf_records,
    parse_resolvectl,
    record_name,
    render_record,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.dns import NO_DNS, Dns
from ansible_collections.cryptokey.wireguard.plugins.module_utils._netlink.errors import KernelError

WRAPPED = """Link 3 (wg0): 10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5 10.0.0.6 10.0.0.7
        10.0.0.8 10.0.0.9
"""
LISTED = """# resolv.conf from eth0.dhclient
nameserver 192.0.2.53
search isp.example

# resolv.conf from tun.wg0
nameserver 10.9.0.1
nameserver fd00:0::1
search Corp.Example lan

"""
CORP = Dns(("10.9.0.1", "fd00::1"), ("corp.example", "lan"), True)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        pytest.param("Link 3 (wg0):\n", (), id="nothing"),
        pytest.param("Link 3 (wg0): 10.9.0.2 fd00::1\n", ("10.9.0.2", "fd00::1"), id="servers"),
        pytest.param("Link 12 (a_=+.-b): Corp.Example ~.\n", ("Corp.Example", "~."), id="domains"),
        pytest.param(WRAPPED, tuple(f"10.0.0.{n}" for n in range(1, 10)), id="a long list"),
    ],
)
def test_resolvectl(text: str, values: tuple[str, ...]) -> None:
    assert parse_resolvectl(text) == values


@pytest.mark.parametrize("text", ["", "Global: 10.0.0.1\n", "wg0: 10.0.0.1\n"])
def test_an_answer_of_another_form_is_not_taken_for_an_empty_one(text: str) -> None:
    with pytest.raises(KernelError, match="unexpected"):
        parse_resolvectl(text)


@pytest.mark.parametrize(
    ("name", "dns"),
    [
        ("tun.wg0", CORP),
        ("eth0.dhclient", Dns(("192.0.2.53",), ("isp.example",), True)),
    ],
)
def test_a_record_is_found_by_its_name(name: str, dns: Dns) -> None:
    record = parse_resolvconf_records(LISTED, name)
    assert record is not None
    assert parse_record(record) == dns


@pytest.mark.parametrize("text", ["", "\n", LISTED])
def test_a_record_that_is_not_there(text: str) -> None:
    assert parse_resolvconf_records(text, "wg0") is None


@pytest.mark.parametrize(
    ("text", "dns"),
    [
        ("", NO_DNS),
        ("# nothing\noptions edns0\nnameserver\n", NO_DNS),
        ("domain lan\nnameserver\t10.0.0.1", Dns(("10.0.0.1",), ("lan",), True)),
        ("domain lan\nsearch a b\n", Dns((), ("a", "b"))),
    ],
)
def test_records(text: str, dns: Dns) -> None:
    assert parse_record(text) == dns


@given(st.lists(st.ip_addresses().map(str), max_size=4), st.lists(st.from_regex(r"[a-z]{1,8}", fullmatch=True)))
def test_a_record_says_what_was_put_into_it(servers: list[str], search: list[str]) -> None:
    dns = parse_record(render_record(Dns(tuple(servers), tuple(search))))
    assert parse_record(render_record(dns)) == dns
    assert (len(dns.servers), dns.search) == (len(servers), tuple(search))


@pytest.mark.parametrize(
    ("order", "name"),
    [
        ("", "wg0"),
        ("# comment\nlo.inet6\nlo.inet\nlo.@(dhclient|pppd)*\ntun*\neth*\n", "tun.wg0"),
        ("@(br|eth)*([^.]).inet6\n*\n", "wg0"),
    ],
)
def test_the_record_is_called_as_wg_quick_calls_it(order: str, name: str) -> None:
    assert record_name("wg0", order) == name
