# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which tunnels have to show that they work after a change."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.interface import RunningDevice, RunningPeer
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import PresharedKey
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.state import RunningState
from ansible_collections.cryptokey.wireguard.plugins.module_utils._provisional.proof import (
    missing_proofs,
    required_proofs,
)
from ansible_collections.cryptokey.wireguard.tests.unit.converge.strategies import (
    ENDPOINTS,
    KEYS,
    NOW,
    PREFIXES,
    PRIVATE_KEYS,
    secret_bytes,
)

HUB, LAPTOP, PHONE, NEW = KEYS[:4]
HUB_PEER = RunningPeer(HUB, endpoint=ENDPOINTS[0], persistent_keepalive=25, latest_handshake=NOW - 50, transfer_rx=100)
LAPTOP_PEER = RunningPeer(LAPTOP, endpoint=ENDPOINTS[1], latest_handshake=NOW - 100, transfer_rx=7)
PHONE_PEER = RunningPeer(PHONE, latest_handshake=NOW - 1000, transfer_rx=3)
CALLED_PEER = RunningPeer(NEW, endpoint=ENDPOINTS[2], persistent_keepalive=25)
PRESHARED = PresharedKey(secret_bytes("another"))


def state(*peers: RunningPeer, port: int = 51820, exists: bool = True, up: bool = True) -> RunningState:
    device = RunningDevice("wg0", 7, PRIVATE_KEYS[0], None, port, peers={peer.public_key: peer for peer in peers})
    return RunningState("wg0", exists, device, up) if exists else RunningState("wg0")


ALL = (HUB_PEER, LAPTOP_PEER, PHONE_PEER)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param(state(*ALL), state(*ALL), [], id="nothing"),
        pytest.param(state(*ALL), state(*ALL, port=1), [{HUB: 100}, {LAPTOP: 7}], id="the port"),
        pytest.param(state(*ALL), state(*ALL, RunningPeer(NEW)), [], id="a new peer that calls us"),
        pytest.param(state(*ALL), state(*ALL, CALLED_PEER), [{NEW: 0}], id="a new peer that we call"),
        pytest.param(
            state(*ALL),
            state(HUB_PEER, LAPTOP_PEER._replace(preshared_key=PRESHARED), PHONE_PEER),
            [{LAPTOP: 7}],
            id="a preshared key",
        ),
        pytest.param(
            state(*ALL),
            state(HUB_PEER, LAPTOP_PEER, PHONE_PEER._replace(allowed_ips=frozenset(PREFIXES[:1]))),
            [],
            id="a peer that was away",
        ),
        pytest.param(
            state(HUB_PEER._replace(latest_handshake=NOW - 181)),
            state(HUB_PEER._replace(endpoint=ENDPOINTS[2])),
            [],
            id="another endpoint of one that was away",
        ),
        pytest.param(state(*ALL), state(LAPTOP_PEER, PHONE_PEER), [], id="a peer that goes"),
        pytest.param(
            state(exists=False), state(HUB_PEER._replace(transfer_rx=0), CALLED_PEER), [{HUB: 0, NEW: 0}], id="all new"
        ),
        pytest.param(state(exists=False), state(RunningPeer(LAPTOP)), [], id="all new, and nobody to call"),
        pytest.param(state(*ALL), state(*ALL, port=1, up=False), [], id="held down"),
        pytest.param(
            state(*ALL),
            state(HUB_PEER._replace(preshared_key=PRESHARED, transfer_rx=0)),
            [{HUB: 0}],
            id="counted anew",
        ),
    ],
)
def test_what_a_change_has_to_show(
    before: RunningState, after: RunningState, expected: list[dict[object, int]]
) -> None:
    assert [need.peers for need in required_proofs(before, after, NOW)] == expected


def test_other_rules_of_the_host_do_not_count() -> None:
    before = state(*ALL)
    assert required_proofs(before, replace(before, priorities={2: (0, 1)}), NOW) == []


@pytest.mark.parametrize(
    ("hub", "laptop", "missing"),
    [
        ({}, {}, 2),
        ({"transfer_rx": 101}, {}, 1),
        ({"latest_handshake": NOW}, {}, 1),
        ({"latest_handshake": NOW - 1}, {}, 2),
        ({"transfer_rx": 101}, {"transfer_rx": 8}, 0),
        ({"transfer_rx": 101}, None, 1),
    ],
)
def test_what_shows_it(hub: dict[str, Any], laptop: dict[str, Any] | None, missing: int) -> None:
    wanted = required_proofs(state(*ALL), state(*ALL, port=1), NOW)
    peers = {HUB: HUB_PEER._replace(**hub)}
    if laptop is not None:
        peers[LAPTOP] = LAPTOP_PEER._replace(**laptop)
    assert len(missing_proofs(wanted, peers)) == missing


def test_one_of_those_that_were_there_is_enough() -> None:
    others = (LAPTOP_PEER, PHONE_PEER._replace(latest_handshake=NOW - 3))
    (wanted,) = required_proofs(state(*others), state(*others, port=1), NOW)
    assert set(wanted.peers) == {LAPTOP, PHONE}
    assert missing_proofs([wanted], {PHONE: PHONE_PEER._replace(transfer_rx=9)}) == []
