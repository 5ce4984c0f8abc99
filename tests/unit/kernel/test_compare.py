# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Peers compared with the wanted ones as bytes of a dump, next to the same comparison of decoded peers."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.circumstances import Circumstances
from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.diff import diff_states
from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.target import derive_target
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.endpoint import Endpoint
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.interface import (
    DesiredInterface,
    DesiredPeer,
    RunningDevice,
    RunningPeer,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import PresharedKey, PublicKey
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import Prefix
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.state import RunningState
from ansible_collections.cryptokey.wireguard.plugins.module_utils._netlink.attributes import encode_nested
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wireguard import codec
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wireguard.compare import find_proven
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wireguard.decode import DeviceDecoder, DumpedPeers

from .test_codec import CROWD, dump, listed

CIRCUMSTANCES = Circumstances(0, find_proven=find_proven)


def read(messages: list[bytes]) -> DumpedPeers:
    found = DeviceDecoder().decode(messages).peers
    assert isinstance(found, DumpedPeers)
    return found


def is_decoded(peers: DumpedPeers) -> bool:
    return "_peers" in vars(peers)


def wanted(peer: RunningPeer) -> DesiredPeer:
    """All of its settings but the endpoint, which is not compared."""
    key, preshared_key, _endpoint, allowed_ips, keepalive, *_counters = peer
    return DesiredPeer(key, "a name", preshared_key, None, allowed_ips, keepalive)


def agree(peers: Sequence[RunningPeer], desired: Sequence[DesiredPeer]) -> bool:
    """Compare what is given, peer by peer."""
    has = {peer.public_key: peer for peer in peers}
    return has.keys() == {peer.public_key for peer in desired} and all(
        getattr(peer, name) in (None, getattr(has[peer.public_key], name))
        for peer in desired
        for name in ("allowed_ips", "preshared_key", "persistent_keepalive")
    )


CHANGES: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        {},
        {"preshared_key": None},
        {"persistent_keepalive": None},
        {"allowed_ips": None},
        {"preshared_key": PresharedKey(b"q" * 32)},
        {"persistent_keepalive": 26},
        {"allowed_ips": frozenset({Prefix(bytes([9, 9, 9, 9]), 32)})},
        {"allowed_ips": frozenset()},
        {"public_key": PublicKey(b"z" * 32)},
    ]
)


@given(CROWD, st.data(), st.randoms(use_true_random=False))
def test_what_agrees_as_bytes_agrees_decoded(peers: list[RunningPeer], data: st.DataObject, random: Random) -> None:
    desired = [wanted(peer) for peer in data.draw(st.permutations(peers))]
    for number in data.draw(st.sets(st.integers(0, len(desired) - 1), max_size=2) if desired else st.just(set[int]())):
        desired[number] = desired[number]._replace(**data.draw(CHANGES))
    found = read(dump(peers, random))
    proven = find_proven(found, desired)
    assert not is_decoded(found)
    if proven:
        given = {peer.public_key: peer for peer in desired}
        shown = [peer for peer in peers if peer.public_key in proven.keys]
        assert agree(shown, [given[peer.public_key] for peer in shown])
        assert proven.others == {peer.public_key: peer for peer in peers if peer not in shown}
    # Nor does the target depend on the way.
    before = RunningState("wg0", exists=True, device=RunningDevice("wg0", peers=found))
    decoded = RunningState("wg0", exists=True, device=RunningDevice("wg0", peers={p.public_key: p for p in peers}))
    if len({peer.public_key for peer in desired}) == len(desired):
        interface = DesiredInterface("wg0", peers=tuple(desired))
        ways = [derive_target(interface, state, CIRCUMSTANCES) for state in (before, decoded)]
        assert ways[0] == ways[1]
        assert diff_states(before, ways[0], {}) == diff_states(decoded, ways[1], {})


PEERS = [
    RunningPeer(
        PublicKey(bytes([n]) * 32),
        PresharedKey(bytes([n]) * 32),
        [None, Endpoint("192.0.2.1", n), Endpoint("2001:db8::1", n)][n % 3],
        frozenset([Prefix(bytes([10, n, 0, 0]), 16), Prefix(bytes([n] * 8 + [0] * 8), 64)][: n % 4]),
        n,
        n * 1.0,
        n,
        n,
    )
    for n in range(1, 200)
]
# As one message, and as many, where some peers are split.
DUMPS = [
    [encode_nested(codec.DEVICE_PEERS, b"".join(listed(peer, list)[4:] for peer in PEERS))],
    dump(PEERS, Random(1)),
]


@pytest.mark.parametrize("messages", DUMPS, ids=["whole", "split"])
def test_peers_that_are_as_wanted_are_never_decoded(messages: list[bytes]) -> None:
    found = read(messages)
    desired = DesiredInterface("wg0", peers=tuple(map(wanted, reversed(PEERS))))
    before = RunningState("wg0", exists=True, device=RunningDevice("wg0", peers=found), mtu=1420, up=True)
    after = derive_target(desired, before, CIRCUMSTANCES)
    assert after.device.peers is found
    assert not is_decoded(found)
    assert dict(found) == {peer.public_key: peer for peer in PEERS}
    assert is_decoded(found)
    assert len(after.routes) == sum(len(peer.allowed_ips) for peer in PEERS)


@pytest.mark.parametrize("messages", DUMPS, ids=["whole", "split"])
@pytest.mark.parametrize("number", [71, 77])
@pytest.mark.parametrize(
    "change",
    [
        {"preshared_key": PresharedKey(b"q" * 32)},
        {"persistent_keepalive": 0},
        {"allowed_ips": frozenset()},
        {"allowed_ips": frozenset([Prefix(bytes([10, 77, 0, 0]), 17), Prefix(bytes([77] * 8 + [0] * 8), 64)])},
        {"public_key": PublicKey(b"z" * 32)},
        {"endpoint": Endpoint("192.0.2.1", 77)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_one_peer_that_differs_is_found(messages: list[bytes], number: int, change: dict[str, Any]) -> None:
    desired = list(map(wanted, PEERS))
    found = read(messages)
    assert find_proven(found, desired) == ({peer.public_key for peer in PEERS}, {})
    (at,) = (at for at, peer in enumerate(desired) if peer.public_key[0] == number)
    desired[at] = desired[at]._replace(**change)
    proven = find_proven(found, desired)
    assert proven is None or PEERS[at].public_key in proven.others
    proven = find_proven(found, desired[1:])
    assert proven is None or {PEERS[0].public_key, PEERS[at].public_key} <= proven.others.keys()


def crowd(start: int, keepalive: int = 25) -> list[RunningPeer]:
    """A thousand peers, each with a prefix of its own."""
    return [
        RunningPeer(
            PublicKey(n.to_bytes(32, "big")),
            allowed_ips=frozenset([Prefix(bytes([10, 1, *n.to_bytes(2, "big")]), 32)]),
            persistent_keepalive=keepalive if n == 700 else 25,
        )
        for n in range(start, start + 1000)
    ]


@pytest.mark.parametrize(("now", "changes"), [(crowd(0, 7), 1), (crowd(50), 100)], ids=["one", "hundred"])
def test_of_many_peers_few_are_decoded_for_a_change(now: list[RunningPeer], changes: int) -> None:
    records = [listed(peer, list)[4:] for peer in crowd(0)]
    messages = [records[start : start + 150] for start in range(0, 1000, 150)]
    found = read([encode_nested(codec.DEVICE_PEERS, b"".join(message)) for message in messages])
    before = RunningState("wg0", exists=True, device=RunningDevice("wg0", peers=found), mtu=1420)
    desired = DesiredInterface("wg0", peers=tuple(map(wanted, now)), up=False)
    after = derive_target(desired, before, CIRCUMSTANCES)
    assert len(diff_states(before, after, {})) == changes
    assert not is_decoded(found)
    assert dict(after.device.peers) == {peer.public_key: peer for peer in now}
