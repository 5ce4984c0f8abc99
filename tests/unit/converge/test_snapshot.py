# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A snapshot says all of a running state, and going back to it undoes whatever was done."""

from __future__ import annotations

import json
import socket
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.restore import diff_restore
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model import operations as ops
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.interface import RunningDevice, RunningPeer
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import PrivateKey, PublicKey
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.state import Rule, RunningState
from ansible_collections.cryptokey.wireguard.plugins.module_utils._provisional.snapshot import (
    decode_state,
    encode_state,
)
from ansible_collections.cryptokey.wireguard.tests.unit.converge.simulated import apply_all
from ansible_collections.cryptokey.wireguard.tests.unit.converge.strategies import (
    ENDPOINTS,
    KEYS,
    PRIVATE_KEYS,
    running_states,
)

NETFILTER = st.dictionaries(st.sampled_from([2, 10]), st.frozensets(st.text(max_size=20), max_size=3))
STATES = st.builds(
    lambda state, netfilter, netns, elsewhere: replace(
        state, netfilter=netfilter, netns=netns, sockets_elsewhere=elsewhere
    ),
    running_states(),
    NETFILTER,
    st.sampled_from(["", "vpn"]),
    st.booleans(),
)


@given(STATES)
def test_nothing_is_lost_on_the_way_to_text_and_back(state: RunningState) -> None:
    read = decode_state(json.loads(json.dumps(encode_state(state))))
    assert read == state
    # What does not count for equality, but is told.
    assert (read.device.ifindex, read.device.public_key) == (state.device.ifindex, state.device.public_key)
    assert read.lifetimes == state.lifetimes


@given(STATES, st.sampled_from(PRIVATE_KEYS))
def test_the_private_key_can_be_left_to_its_file(state: RunningState, key: PrivateKey) -> None:
    state = replace(state, device=replace(state.device, private_key=key))
    text = json.dumps(encode_state(state, with_private_key=False))
    assert key.reveal_base64() not in text
    assert decode_state(json.loads(text), key) == state
    assert decode_state(json.loads(text)).device.private_key is None


@given(running_states())
def test_what_is_no_state_is_refused(state: RunningState) -> None:
    plain = encode_state(state)
    for name in plain:
        with pytest.raises((KeyError, TypeError, ValueError)):
            decode_state({other: value for other, value in plain.items() if other != name})


def restored(now: RunningState, before: RunningState) -> RunningState:
    """What becomes of a state, as the kernel is sent it: in one step, peers come before others go."""
    for step in diff_restore(now, before, {}):
        now = apply_all(now, step)
        there = {op.peer.public_key for op in step if isinstance(op, ops.AddPeer)}
        assert not there & {op.public_key for op in step if isinstance(op, ops.RemovePeer)}
        assert sum(isinstance(op, ops.SetDevice) for op in step) <= 1
    return now


def settled(state: RunningState, other: RunningState) -> RunningState:
    """Without what cannot be put back: the counters, and endpoints that peers without one have shown us since."""
    peers = {}
    for key, peer in state.device.peers.items():
        there = other.device.peers.get(key)
        learned = peer.endpoint is None or (there is not None and there.endpoint is None)
        peers[key] = peer._replace(
            latest_handshake=0.0,
            transfer_rx=0,
            transfer_tx=0,
            endpoint=None if learned else peer.endpoint,
        )
    return replace(state, device=replace(state.device, ifindex=0, peers=peers), other_routes=frozenset())


@given(running_states(), running_states())
def test_going_back_undoes_everything(before: RunningState, now: RunningState) -> None:
    # An interface that is up always has a port.
    assume(not before.up or before.device.listen_port)
    back = restored(now, before)
    own = {now.device.fwmark, before.device.fwmark}
    theirs = {rule for rule in now.rules if rule.fwmark and rule.fwmark not in own}
    assert {rule for rule in back.rules if rule.fwmark and rule.fwmark not in own} == theirs
    assert {rule for rule in back.rules if rule.fwmark in own - {0}} == {
        rule for rule in before.rules if rule.fwmark in own - {0}
    }
    # The rule of the main table: that of the others if there are some, else what was, unless it went with others.
    for family in (socket.AF_INET, socket.AF_INET6):
        of_now, of_before, of_back = (
            {rule for rule in state.rules if rule.family == family and not rule.fwmark} for state in (now, before, back)
        )
        if any(rule.family == family for rule in theirs):
            assert of_back == (of_now or of_before)
        else:
            assert of_back <= of_before
    mine = replace(before, rules=back.rules, src_valid_mark=back.src_valid_mark, priorities=back.priorities)
    assert settled(back, mine) == settled(mine, back)
    # What others have made since stays, but where it is in the way.
    assert before.other_routes <= back.other_routes <= before.other_routes | now.other_routes
    if not now.exists:
        assert {**back.lifetimes, **before.lifetimes} == before.lifetimes == back.lifetimes
    assert diff_restore(back, before, {}) == []


PEER = RunningPeer(KEYS[0])
CALLED = PEER._replace(endpoint=ENDPOINTS[0])


@pytest.mark.parametrize(
    ("was", "now", "back"),
    [
        (PEER, CALLED, PEER),
        # It has been learned, with a session that works.
        (PEER, CALLED._replace(latest_handshake=9.0), CALLED._replace(latest_handshake=9.0)),
        (CALLED, CALLED._replace(endpoint=ENDPOINTS[1]), CALLED),
        (
            CALLED._replace(latest_handshake=5.0),
            CALLED._replace(endpoint=ENDPOINTS[1], latest_handshake=9.0),
            CALLED._replace(latest_handshake=9.0),
        ),
    ],
)
def test_endpoints_come_back(was: RunningPeer, now: RunningPeer, back: RunningPeer) -> None:
    before, after = (
        RunningState("wg0", True, RunningDevice("wg0", private_key=PRIVATE_KEYS[0], peers={peer.public_key: peer}))
        for peer in (was, now)
    )
    assert restored(after, before).device.peers == {back.public_key: back}


def test_a_private_key_that_there_was_not_goes() -> None:
    before = RunningState("wg0", True, RunningDevice("wg0"))
    now = replace(before, device=replace(before.device, private_key=PRIVATE_KEYS[0]))
    assert restored(now, before) == before
    assert PRIVATE_KEYS[0].reveal_base64() not in str(diff_restore(now, before, {}))


def test_a_private_key_that_is_not_known_any_more_stays_what_it_is() -> None:
    before = RunningState("wg0", True, RunningDevice("wg0", public_key=PublicKey(bytes(31) + b"1")), mtu=1420)
    now = replace(before, device=replace(before.device, private_key=PRIVATE_KEYS[0]), mtu=1300)
    assert diff_restore(now, before, {}) == [[ops.SetLink(mtu=1420)]]


def test_a_full_tunnel_that_another_interface_has_brought_up_since_stays() -> None:
    """Also when the link is gone, and with it the mark that tells whose rules are whose."""
    ours = frozenset({Rule(socket.AF_INET, 32765, 51820), Rule(socket.AF_INET, 32764)})
    theirs = frozenset({Rule(socket.AF_INET, 32763, 51821), Rule(socket.AF_INET, 32762)})
    before = RunningState("wg0")
    priorities = {int(socket.AF_INET): (0, 32762, 32763, 32764, 32765, 32766, 32767)}
    with_both = replace(before, rules=ours | theirs, src_valid_mark=True, priorities=priorities)
    back = restored(replace(with_both, exists=True, device=RunningDevice("wg0", fwmark=51820)), before)
    assert (back.exists, back.src_valid_mark) == (False, True)
    assert {rule.fwmark for rule in back.rules} == {51821, 0}
    alone = replace(before, rules=theirs, src_valid_mark=True)
    assert diff_restore(alone, before, {}) == []
    (step,) = diff_restore(with_both, before, {}, marks={51820})
    assert {op.rule.fwmark for op in step if isinstance(op, ops.RemoveRule)} == {51820}


def test_a_full_tunnel_that_another_interface_has_taken_down_since_does_not_come_back() -> None:
    theirs = frozenset({Rule(socket.AF_INET, 32763, 51821), Rule(socket.AF_INET, 32762)})
    device = RunningDevice("wg0", private_key=PRIVATE_KEYS[0], listen_port=51820)
    before = RunningState("wg0", True, device, mtu=1420, rules=theirs)
    assert restored(replace(before, mtu=1300, rules=frozenset()), before) == replace(before, rules=frozenset())
