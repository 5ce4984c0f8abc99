# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two ways to say one thing: whichever of them the kernel was told, the other is no change."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends.interface import ensure_present
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import PrivateKey
from ansible_collections.cryptokey.wireguard.tests.kernel.hosts import Host, comparable, described, strangers

PRESHARED_KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
ZERO_KEY = "A" * 43 + "="
PEER = strangers(1, 0)[0]["public_key"]
OTHER = strangers(2, 0)[1]["public_key"]

# Of one peer: by name, what the options may say and what `wg set` may say, all of it equal.
PEER_CASES: dict[str, tuple[list[dict[str, Any]], list[str]]] = {
    "host bits": (
        [{"allowed_ips": ["10.0.1.1/24", "fd00::5/64"]}, {"allowed_ips": ["10.0.1.0/24", "fd00::/64"]}],
        ["allowed-ips 10.0.1.255/24,fd00::ffff/64"],
    ),
    "IPv6 spelling": (
        [{"allowed_ips": [text]} for text in ("fd00:0:0::A/128", "FD00::000a/128", "fd00:0:0:0:0:0:0:a/128")],
        ["allowed-ips fd00:0::a/128"],
    ),
    "IPv4 in IPv6": (
        [{"allowed_ips": [text]} for text in ("::ffff:10.0.0.1/128", "::ffff:a00:1/128")],
        ["allowed-ips ::ffff:10.0.0.1/128"],
    ),
    "no length": (
        [{"allowed_ips": ["10.0.0.1", "fd00::a"]}, {"allowed_ips": ["10.0.0.1/32", "fd00::a/128"]}],
        ["allowed-ips 10.0.0.1,fd00::a"],
    ),
    "order and duplicates": (
        [
            {"allowed_ips": ["10.0.0.1", "fd00::1", "10.0.0.2"]},
            {"allowed_ips": ["10.0.0.2", "10.0.0.1", "fd00::1"] * 2},
        ],
        ["allowed-ips fd00::1,10.0.0.2,10.0.0.1,10.0.0.2"],
    ),
    "no prefixes": ([{"allowed_ips": []}, {}], ['allowed-ips ""', ""]),
    "keepalive off": ([{}, *({"persistent_keepalive": value} for value in (0, "0", "off", False))],
                      ["", "persistent-keepalive 0", "persistent-keepalive off"]),
    "keepalive": ([{"persistent_keepalive": 25}, {"persistent_keepalive": "25"}], ["persistent-keepalive 25"]),
    "no preshared key": ([{}, {"preshared_key": ""}, {"preshared_key": ZERO_KEY}],
                         ["", "preshared-key /dev/null", f"preshared-key <(echo {ZERO_KEY})"]),
    "endpoint spelling": (
        [{"endpoint": text} for text in ("[2001:DB8:0::1]:1", "[2001:db8::1]:01", "[2001:db8::0001]:1")],
        ["endpoint [2001:db8::1]:1"],
    ),
}  # fmt: skip

# The same of the interface. That of the port says that it is left as the kernel chose it.
INTERFACE_CASES: dict[str, tuple[list[dict[str, Any]], list[str]]] = {
    "no mark": ([{}, *({"fwmark": value} for value in (0, "0", "off", "0x0", False))], ["fwmark 0", "fwmark off"]),
    "mark": ([{"fwmark": value} for value in (16, "16", "0x10", "0X10")], ["fwmark 16", "fwmark 0x10"]),
    "port": ([{}, {"listen_port": 40123}, {"listen_port": "40123"}], ["listen-port 40123"]),
    "addresses": (
        [{"addresses": ["10.200.0.1", "FD00:0::1/64"]}, {"addresses": ["fd00::1/64", "10.200.0.1/32", "fd00::1/64"]}],
        [],
    ),
}


def check_case(host: Host, forms: list[dict[str, Any]], told: list[str], target: str, **base: Any) -> None:
    """Each form after the next one and the other way round, and after what `wg` was told, each time told anew."""
    states = []
    around = [*forms, forms[0]]
    for form, other in (*zip(around, around[1:]), *zip(around[::-1], around[-2::-1])):
        host.remove()
        host.converge(**merged(base, form))
        states.append(comparable(host.read()))
        assert described(host.converge(**merged(base, other))) == [], (form, other)
    for words in told:
        host.converge(fwmark=0x77, peers=[])
        host.converge(fwmark=0, peers=[{"public_key": PEER}] if "peers" in base else [])
        host.run("bash", "-c", f"wg set wg0 {target} {words}")
        states.append(comparable(host.read()))
        for form in forms:
            assert described(host.converge(table="off", **merged(base, form))) == [], (words, form)
    assert all(state.device == states[0].device for state in states)


def merged(base: dict[str, Any], form: dict[str, Any]) -> dict[str, Any]:
    return {**base, "peers": [{"public_key": PEER, **form}]} if "peers" in base else {**base, **form}


@pytest.mark.parametrize("case", PEER_CASES)
def test_equal_peers_are_no_change(host: Host, case: str) -> None:
    check_case(host, *PEER_CASES[case], f"peer {PEER}", listen_port=40123, peers=[])


@pytest.mark.parametrize("case", INTERFACE_CASES)
def test_equal_interfaces_are_no_change(host: Host, case: str) -> None:
    check_case(host, *INTERFACE_CASES[case], "", listen_port=40123)


def test_what_differs_is_a_change_all_the_same(host: Host) -> None:
    """Else the equalities above would prove nothing."""
    given = {"allowed_ips": ["10.0.1.0/24"], "persistent_keepalive": 25, "preshared_key": PRESHARED_KEY}
    host.converge(listen_port=40123, fwmark=16, peers=[{"public_key": PEER, **given}])
    for change in ({"allowed_ips": ["10.0.1.0/25"]}, {"persistent_keepalive": "off"}, {"preshared_key": ZERO_KEY}):
        peers = [{"public_key": PEER, **given, **change}]
        assert len(described(host.converge(check_mode=True, peers=peers))) >= 1, change
    options: tuple[dict[str, Any], ...] = (
        {"fwmark": "off"},
        {"listen_port": 40124},
        {"addresses": ["10.200.0.1"]},
        {"peers": []},
    )
    for option in options:
        assert len(described(host.converge(check_mode=True, table="off", **option))) == 1, option


def test_the_port_that_the_kernel_chose_is_kept_and_may_be_named(host: Host) -> None:
    host.converge()
    chosen = host.read().device.listen_port
    assert chosen
    for options in ({}, {"listen_port": chosen}, {"peers": strangers(1)}, {"fwmark": 7}):
        host.converge(**options)
        assert host.read().device.listen_port == chosen
    host.run("wg", "set", "wg0", "listen-port", "0")
    assert host.read().device.listen_port not in (0, chosen)
    assert described(host.converge()) == []


def test_an_unclamped_key_file_is_the_clamped_key(host: Host, tmp_path: Path) -> None:
    unclamped = bytes([0xFF]) * 32
    clamped = PrivateKey(unclamped).reveal_base64()
    assert base64.b64decode(clamped) != unclamped
    file = tmp_path / "unclamped"
    file.touch(0o600)
    options = {"interface": "unclamped0", "private_key_file": str(file), "state": "present"}
    for text, changes in ((base64.b64encode(unclamped).decode(), True), (clamped, False)):
        file.write_text(f"{text}\n")
        with host.entered():
            done = [ensure_present(options, False, []).operations for _run in range(2)]
        assert [bool(operations) for operations in done] == [changes, False]
    host.run("bash", "-c", f"wg set unclamped0 private-key <(echo {base64.b64encode(unclamped).decode()})")
    with host.entered():
        assert ensure_present(options, False, []).operations == ()
    assert host.run("wg", "show", "unclamped0", "private-key").strip() == clamped
