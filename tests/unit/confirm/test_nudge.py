# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a packet must go to reach a peer, and which peers lost their session."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.operations import (
    AddPeer,
    AddRoute,
    Operation,
    RemovePeer,
    SetDevice,
    SetLink,
    SetPeer,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.endpoint import parse_endpoint
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.interface import RunningDevice, RunningPeer
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import PrivateKey, PublicKey
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import (
    Prefix,
    format_ip,
    mask,
    parse_interface_address,
    parse_prefix,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.state import Route, RunningState
from ansible_collections.cryptokey.wireguard.plugins.module_utils._nudge import addresses_behind, without_session

PEER, OTHER = PublicKey(bytes(31) + b"1"), PublicKey(bytes(31) + b"2")


def state(own: str, *peers: set[Prefix]) -> RunningState:
    """The first peer is the one that is asked about."""
    keys = [PEER, OTHER]
    running = {
        key: RunningPeer(key, allowed_ips=frozenset(prefixes)) for key, prefixes in zip(keys, peers, strict=False)
    }
    return RunningState("wg0", True, RunningDevice("wg0", peers=running), addresses=(parse_interface_address(own),))


@pytest.mark.parametrize(
    ("own", "peer", "other", "first"),
    [
        ("10.8.0.2/24", "10.8.0.1/32", "", "10.8.0.1"),
        ("10.8.0.2/24", "10.8.0.0/24", "", "10.8.0.1"),
        ("10.8.0.1/24", "10.8.0.0/24", "", "10.8.0.2"),
        ("10.8.0.1/24", "10.8.0.0/24", "10.8.0.2/32", "10.8.0.3"),
        ("10.8.0.1/24", "0.0.0.0/0", "", "198.51.100.1"),
        ("10.8.0.1/24", "0.0.0.0/0 10.8.0.9/32", "", "10.8.0.9"),
        ("fd00::2/64", "fd00::/64", "fd00::1/128", "fd00::3"),
        ("fd00::2/64", "::/0", "", "2001:db8::1"),
        ("10.8.0.0/31", "10.8.0.0/31", "", "10.8.0.1"),
        ("10.8.0.1/30", "10.8.0.0/30", "10.8.0.2/32", None),
        ("10.8.0.1/24", "", "10.8.0.2/32", None),
    ],
)
def test_the_first_address_behind_a_peer(own: str, peer: str, other: str, first: str | None) -> None:
    given_state = state(own, {*map(parse_prefix, peer.split())}, {*map(parse_prefix, other.split())})
    found = next(addresses_behind(given_state, PEER), None)
    assert (found and format_ip(found)) == first


PREFIXES = st.sets(
    st.builds(
        lambda number, length: Prefix(mask(bytes([10, 8, 0, number]), length), length),
        st.integers(0, 255),
        st.integers(8, 32),
    ),
    max_size=4,
)


@given(PREFIXES, PREFIXES)
def test_each_of_them_comes_to_the_peer(peer: set[Prefix], other: set[Prefix]) -> None:
    """By the longest prefix, as the kernel chooses."""
    running = state("10.8.0.7/24", peer, other - peer)
    for packed in addresses_behind(running, PEER):
        longest = max((p for p in peer | other if p.covers((packed, 32))), key=lambda p: p.length)
        assert longest in peer
        assert packed != bytes([10, 8, 0, 7])


REACHED = RunningPeer(
    PEER, endpoint=parse_endpoint("192.0.2.1:51820"), allowed_ips=frozenset({parse_prefix("10.8.0.1")})
)
LISTENING = RunningPeer(OTHER, allowed_ips=frozenset({parse_prefix("10.8.0.2")}))


@pytest.mark.parametrize(
    ("operations", "expected"),
    [
        ([AddPeer(REACHED)], [PEER]),
        ([AddPeer(LISTENING)], []),
        ([AddPeer(REACHED._replace(allowed_ips=frozenset()))], []),
        ([SetPeer(PEER, endpoint=REACHED.endpoint)], []),
        ([RemovePeer(OTHER), AddRoute(Route(parse_prefix("10.8.0.1")))], []),
        ([SetLink(up=True)], [PEER]),
        ([SetLink(mtu=1400)], []),
        ([SetLink(up=False)], []),
        ([SetDevice(private_key=PrivateKey(bytes(range(32))))], [PEER]),
        ([SetDevice(listen_port=51821)], []),
        ([AddPeer(REACHED), SetLink(up=True)], [PEER]),
    ],
)
def test_a_session_ends_with_the_peer_the_link_or_the_key(
    operations: list[Operation], expected: list[PublicKey]
) -> None:
    after = RunningState("wg0", True, RunningDevice("wg0", peers={PEER: REACHED, OTHER: LISTENING}), up=True)
    assert [peer.public_key for peer in without_session(after, operations)] == expected
