# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Desired over existing: what is given counts, what is not stays."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.endpoint import Endpoint
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.full_tunnel import post_up_commands
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.interface import DesiredInterface, DesiredPeer
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import NO_PRESHARED_KEY
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import (
    parse_interface_address,
    parse_prefix,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.file import WgQuickFile, WgQuickPeer
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.overlay import overlay
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.parse import parse
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.render import render
from ansible_collections.cryptokey.wireguard.tests.unit.wgquick.strategies import (
    KEYS,
    PRESHARED_KEYS,
    PRIVATE_KEYS,
    desired_interfaces,
    managed_files,
)

A, B, C = KEYS[:3]
P8, P16, V4, V6 = map(parse_prefix, ("10.0.0.0/8", "10.0.0.0/16", "0.0.0.0/0", "::/0"))
FILE = WgQuickFile(
    private_key=PRIVATE_KEYS[0],
    listen_port=1,
    fwmark=2,
    addresses=(parse_interface_address("10.0.0.1/24"),),
    mtu=1280,
    unmanaged=("PostUp = mine", "DNS = 1.1.1.1"),
    peers=(
        WgQuickPeer(A, "a", PRESHARED_KEYS[1], Endpoint("192.0.2.1", 1), frozenset({P8}), 25),
        WgQuickPeer(B, "b", allowed_ips=frozenset({P16})),
    ),
)


def full_tunnel(outside_replies: bool = True) -> DesiredInterface:
    peer = DesiredPeer(C, allowed_ips=frozenset({V4, V6}))
    return DesiredInterface("wg0", peers=(peer,), outside_replies=outside_replies)


def test_what_is_not_given_stays() -> None:
    assert overlay(DesiredInterface("wg0"), FILE) == FILE
    assert overlay(DesiredInterface("wg0", peers=(DesiredPeer(B), DesiredPeer(A))), FILE) == FILE


def test_what_is_empty_clears() -> None:
    peer = DesiredPeer(A, preshared_key=NO_PRESHARED_KEY, allowed_ips=frozenset(), persistent_keepalive=0)
    new = overlay(DesiredInterface("wg0", fwmark=0, addresses=(), peers=(peer,)), FILE)
    assert new == replace(FILE, fwmark=0, addresses=(), peers=(WgQuickPeer(A, "a", endpoint=Endpoint("192.0.2.1", 1)),))
    assert overlay(DesiredInterface("wg0", peers=()), FILE).peers == ()


def test_what_is_given_counts() -> None:
    address = parse_interface_address("fd00::1/64")
    desired = DesiredInterface("wg0", PRIVATE_KEYS[1], 7, 8, 1400, (address,), (), table="off")
    assert overlay(desired, FILE) == WgQuickFile(
        PRIVATE_KEYS[1], 7, 8, (address,), 1400, "off", unmanaged=FILE.unmanaged
    )


def test_merge_keeps_the_peers_that_are_not_listed() -> None:
    desired = DesiredInterface("wg0", peers=(DesiredPeer(C, name="c"),), peers_mode="merge")
    assert overlay(desired, FILE).peers == (*FILE.peers, WgQuickPeer(C, "c"))


@pytest.mark.parametrize("mode", ["exact", "merge"])
@pytest.mark.parametrize("peers", [None, (DesiredPeer(B),)])
def test_an_absent_peer_is_removed_in_each_mode(mode: str, peers: tuple[DesiredPeer, ...] | None) -> None:
    desired = DesiredInterface("wg0", peers=peers, peers_mode=mode, absent_peers=frozenset({A, C}))
    assert [peer.public_key for peer in FILE.peers] == [A, B]
    assert [peer.public_key for peer in overlay(desired, FILE).peers] == [B]


def test_a_prefix_is_taken_from_the_peer_that_has_it() -> None:
    desired = DesiredInterface("wg0", peers=(DesiredPeer(C, allowed_ips=frozenset({P8})), DesiredPeer(B)))
    for mode in ("exact", "merge"):
        peers = {peer.public_key: peer.allowed_ips for peer in overlay(replace(desired, peers_mode=mode), FILE).peers}
        assert peers[B] == {P16}
        assert peers[C] == {P8}
        assert peers.get(A, frozenset()) == frozenset()


def test_the_order_of_peers_is_the_file_s() -> None:
    desired = DesiredInterface("wg0", peers=(DesiredPeer(C), DesiredPeer(B), DesiredPeer(A)))
    assert [peer.public_key for peer in overlay(desired, FILE).peers] == [A, B, C]


def test_own_hooks_come_first_and_once_and_go_again() -> None:
    own = tuple(f"PostUp = {command}" for command in post_up_commands(full_tunnel()))
    assert len(own) == 2
    with_own = overlay(full_tunnel(), FILE)
    assert with_own.unmanaged == (*own, *FILE.unmanaged)
    assert overlay(full_tunnel(), parse(render(with_own))) == with_own
    by_hand = replace(with_own, unmanaged=(*FILE.unmanaged, f"postup={own[1].partition(' = ')[2]} # ours", own[0]))
    assert overlay(full_tunnel(), by_hand) == with_own
    assert overlay(full_tunnel(outside_replies=False), with_own).unmanaged == FILE.unmanaged
    assert overlay(DesiredInterface("wg0", peers=()), with_own).unmanaged == FILE.unmanaged


def test_own_hooks_go_by_what_the_file_will_have() -> None:
    with_own = overlay(full_tunnel(), FILE)
    assert overlay(DesiredInterface("wg0"), with_own) == with_own
    assert overlay(DesiredInterface("wg0", table="off"), with_own).unmanaged == FILE.unmanaged


def hooked(*lines: str) -> WgQuickFile:
    return WgQuickFile(unmanaged=lines)


@pytest.mark.parametrize(
    ("options", "lines", "expected"),
    [
        pytest.param({}, ("PostUp = a", "DNS = 1.1.1.1 # why"), ("PostUp = a", "DNS = 1.1.1.1 # why"), id="not given"),
        pytest.param({"dns": ("10.9.0.1",), "dns_search": ("lan",)}, ("PostUp = a",),
                     ("DNS = 10.9.0.1, lan", "PostUp = a"), id="new"),
        pytest.param({"dns": ("fd00::1",)}, ("dns=1.1.1.1", "PostUp = a", "DNS = lan"),
                     ("DNS = fd00::1, lan", "PostUp = a"), id="servers changed, domains kept"),
        pytest.param({"dns_search": ("x",)}, ("DNS = 1.1.1.1",), ("DNS = 1.1.1.1, x",), id="domains for those servers"),
        pytest.param({"dns": ("1.1.1.1", "fd00::1"), "dns_search": ("lan",)},
                     ("PreUp = a", "DNS=lan,1.1.1.1 # why", "dns = FD00:0::1"),
                     ("DNS=lan,1.1.1.1 # why", "dns = FD00:0::1", "PreUp = a"), id="the same in other words"),
        pytest.param({"dns": ()}, ("DNS = 1.1.1.1, lan", "PostUp = a"), ("PostUp = a",), id="none"),
        pytest.param({"dns": ("1.1.1.1",), "dns_search": ()}, ("DNS = 1.1.1.1, lan",), ("DNS = 1.1.1.1",),
                     id="no domains"),
        pytest.param({"dns_search": ()}, ("DNS = lan",), (), id="domains that wg-quick does not heed"),
    ],
)  # fmt: skip
def test_name_servers(options: dict[str, Any], lines: tuple[str, ...], expected: tuple[str, ...]) -> None:
    assert overlay(DesiredInterface("wg0", **options), hooked(*lines)).unmanaged == expected


def test_domains_without_a_server_are_refused() -> None:
    for file in (WgQuickFile(), hooked("DNS = lan")):
        with pytest.raises(InputError, match=r"^dns_search 'lan': there is no name server for it; give dns as well"):
            overlay(DesiredInterface("wg0", dns_search=("lan",)), file)


def test_an_alias_is_set_by_a_hook_that_is_known_again() -> None:
    own = "PostUp = ip link set dev %i alias 'to Paris'"
    with_alias = overlay(replace(full_tunnel(), alias="to Paris"), FILE)
    assert with_alias.unmanaged[2:] == (own, *FILE.unmanaged)
    assert overlay(replace(full_tunnel(), alias="to Paris"), parse(render(with_alias))) == with_alias
    assert overlay(full_tunnel(), with_alias).unmanaged[2:] == (own, *FILE.unmanaged)
    other = overlay(replace(full_tunnel(), alias="to Rome"), with_alias)
    assert other.unmanaged[2:] == (own.replace("Paris", "Rome"), *FILE.unmanaged)
    assert overlay(replace(full_tunnel(), alias=""), other) == overlay(full_tunnel(), FILE)


def test_an_alias_that_another_hook_sets_along_is_left_alone() -> None:
    lines = ("PostUp = ip link set dev %i alias 'x'; true", "PreUp = ip link set dev %i alias 'x'")
    assert overlay(DesiredInterface("wg0", alias=""), hooked(*lines)).unmanaged == lines


def test_save_config_is_refused() -> None:
    with pytest.raises(InputError, match=r"wg-quick would overwrite the file.*; remove the line"):
        overlay(DesiredInterface("wg0"), WgQuickFile(save_config=True))


@given(desired_interfaces, managed_files)
def test_twice_is_once(desired: DesiredInterface, file: WgQuickFile) -> None:
    once = overlay(desired, file)
    assert overlay(desired, once) == once
    assert overlay(desired, parse(render(once))) == once


@given(desired_interfaces, managed_files)
def test_no_prefix_is_with_two_peers(desired: DesiredInterface, file: WgQuickFile) -> None:
    every = [prefix for peer in overlay(desired, file).peers for prefix in peer.allowed_ips]
    assert len(every) == len(set(every))
