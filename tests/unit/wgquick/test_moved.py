# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines that take an interface to another network namespace: written, known again, and no others."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.interface import DesiredInterface
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import parse_interface_address
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.file import WgQuickFile
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.lines import is_alias
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.moved import (
    HOST,
    Moved,
    parse_moved,
    render_moved,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.overlay import overlay
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.parse import parse
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.render import render
from ansible_collections.cryptokey.wireguard.tests.unit.wgquick.strategies import addresses, files, hooks

ADDRESSES = tuple(map(parse_interface_address, ("10.9.0.1/24", "fd09::1/64")))
FILE = WgQuickFile(addresses=ADDRESSES, mtu=1380, unmanaged=("DNS = 10.9.0.9", "PostUp = mine"))
moved = st.builds(
    Moved,
    st.sampled_from([HOST, "vpn", "a-b.c"]),
    st.lists(addresses, max_size=3, unique=True).map(tuple),
    st.sampled_from(["auto", "off", "7", "1234"]),
)


def test_the_file_has_neither_addresses_nor_routes_for_wg_quick() -> None:
    lines = render(replace(FILE, netns="vpn")).splitlines()
    assert lines[1:-2] == [
        "[Interface]",
        "MTU = 1380",
        "Table = off",
        "PostUp = ip link set dev %i netns vpn",
        "PostUp = ip netns exec vpn ip address add dev %i 10.9.0.1/24",
        "PostUp = ip netns exec vpn ip address add dev %i fd09::1/64",
        "PostUp = ip netns exec vpn ip link set dev %i up",
        next(line for line in lines if "route add" in line),
    ]
    assert lines[-2:] == ["DNS = 10.9.0.9", "PostUp = mine"]


def test_the_hosts_own_namespace_is_that_of_process_1() -> None:
    lines = render_moved(Moved(HOST, ADDRESSES, "off"))
    assert lines[:2] == (
        "PostUp = ip link set dev %i netns 1",
        "PostUp = nsenter -t 1 -n ip address add dev %i 10.9.0.1/24",
    )
    assert not any("route" in line for line in lines)


@given(moved, st.lists(hooks, max_size=3).map(tuple))
def test_what_is_written_is_known_again_among_other_lines(what: Moved, others: tuple[str, ...]) -> None:
    assert parse_moved((*render_moved(what), *others)) == (what, others)


@given(files, st.sampled_from([HOST, "vpn"]))
def test_a_whole_file_is_known_again(file: WgQuickFile, netns: str) -> None:
    inside = replace(file, netns=netns)
    # The alias comes first, since it goes along.
    lines = sorted(file.unmanaged, key=is_alias, reverse=True)
    assert parse(render(inside)) == replace(inside, unmanaged=tuple(lines))


@pytest.mark.parametrize(
    "line",
    [
        "PostUp = ip link set %i netns vpn",
        "PostUp = ip link set dev %i netns vpn; echo",
        "PostUp = ip link set dev %i netns 2",
        "PostUp = ip link set dev %i netns $(x)",
        "PreUp = ip link set dev %i netns vpn",
        "PostUp = ip netns exec vpn ip address add dev %i 10.9.0.1/24",
        "PostUp = ip netns exec vpn ip link set dev %i up",
    ],
)
def test_lines_by_hand_are_left_alone(line: str) -> None:
    assert parse_moved((line,)) == (None, (line,))


def test_what_is_not_given_stays_when_the_namespaces_change() -> None:
    apart = overlay(DesiredInterface("wg0", netns="vpn"), FILE)
    assert apart == replace(FILE, netns="vpn")
    again = parse(render(apart))
    assert overlay(DesiredInterface("wg0", netns="vpn"), again) == apart
    assert overlay(DesiredInterface("wg0", birth_netns="vpn"), again) == replace(FILE, netns=HOST)
    assert overlay(DesiredInterface("wg0", netns="vpn", birth_netns="vpn"), again) == FILE
    assert overlay(DesiredInterface("wg0"), again) == FILE


@given(moved)
def test_no_line_has_a_comment_or_is_more_than_one(what: Moved) -> None:
    """wg-quick cuts a line at the first #, and runs each by itself."""
    assert not any(re.search(r"[#\n]", line) for line in render_moved(what))
